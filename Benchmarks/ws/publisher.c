// Messages in Redis as the bridge publishes them, at a constant rate, and a subscriber that reads them without edge-ws.
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    uint64_t milliseconds, sequence;
} stream_id;

enum { OUTPUT = 1 << 18, LONGEST = 1024 };

static int output_fd = -1, input_fd = -1;
static char output[OUTPUT];
static size_t output_length;
static stream_id *previous, last, last_single;  // of each user, of all
static int users;
static publication job;
static pthread_t thread;
static samples lateness;
static long sent;

static int redis_connect(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (void *)&server, sizeof server) < 0) fail("redis: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void write_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count < 0) fail("redis: %s", strerror(errno));
        bytes += count;
        length -= (size_t)count;
    }
}

static void flush(void) {
    write_all(output_fd, output, output_length);
    output_length = 0;
}

// The answers to PUBLISH are of no interest here, and would cost this process time.
void publisher_setup(int redis_port, int capacity) {
    static const char quiet[] = "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n";
    users = capacity;
    previous = calloc(2 * (size_t)capacity, sizeof *previous);
    output_fd = redis_connect(redis_port);
    write_all(output_fd, quiet, sizeof quiet - 1);
}

// `scheduled` is when the message should leave; the receiver counts from then, also when this process was late.
static void append(const char *channel, stream_id *before, int stage, int number, uint64_t scheduled) {
    struct timespec now;
    char message[LONGEST];
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t clock = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (clock > last.milliseconds) last = (stream_id){.milliseconds = clock};
    else last.sequence++;
    int length = snprintf(message, sizeof message,
                          "{\"id\":\"%lu-%lu\",\"prev\":\"%lu-%lu\",\"event\":\"payment-status-update\",\"data\":{\"paymentIntentId\":"
                          "\"pi_3MtwBwLkdIwHu7ix28a3tqPa\",\"userId\":\"u%d\",\"status\":\"PROCESSING\",\"amount\":1999,"
                          "\"currency\":\"usd\",\"stage\":%d,\"t\":%lu}}",
                          last.milliseconds, last.sequence, before->milliseconds, before->sequence, number, stage, scheduled);
    *before = last;
    if (OUTPUT - output_length < 2 * LONGEST) flush();
    output_length += (size_t)snprintf(output + output_length, OUTPUT - output_length, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%d\r\n%s\r\n",
                                      strlen(channel), channel, length, message);
}

static void *publish(void *unused) {
    double gap = 1e9 / job.rate;
    long total = (long)(job.rate * job.seconds);
    uint64_t began = now_ns() + 1000000;
    for (sent = 0; sent < total;) {
        uint64_t now = now_ns();
        while (sent < total) {
            uint64_t scheduled = began + (uint64_t)(gap * (double)sent);
            if (scheduled > now) break;
            char channel[128];
            int number = (int)(sent % job.users);
            snprintf(channel, sizeof channel, job.channel, number);
            append(channel, &previous[number + (job.direct ? users : 0)], job.stage, number, scheduled);
            samples_add(&lateness, now - scheduled);
            sent++;
        }
        flush();
        uint64_t next = began + (uint64_t)(gap * (double)sent);
        struct timespec until = {.tv_sec = (time_t)(next / 1000000000u), .tv_nsec = (long)(next % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    return unused;
}

void publisher_start(const publication *work) {
    job = *work;
    samples_clear(&lateness);
    if (pthread_create(&thread, NULL, publish, NULL) != 0) fail("no thread");
}

long publisher_finish(samples *late) {
    pthread_join(thread, NULL);
    *late = lateness;
    return sent;
}

void publisher_send(const char *channel, int stage, int number) {
    append(channel, &last_single, stage, number, now_ns());
    flush();
}

static event_handler on_message;

// A push is "*3", "$7", "message", "$n", channel, "$n" and the payload, a line each; a payload is the only one with a brace in front.
static void read_messages(void) {
    static char input[1 << 18];
    static size_t kept;
    ssize_t count = recv(input_fd, input + kept, sizeof input - kept, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) fail("redis: the subscriber was closed");
    char *line = input, *end = input + kept + count, *newline;
    while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
        if (*line == '{') on_message(-1, line, (size_t)(newline - line));
        line = newline + 1;
    }
    kept = (size_t)(end - line);
    memmove(input, line, kept);
}

void subscriber_setup(int redis_port, const char *channel, int users, event_handler handler) {
    on_message = handler;
    input_fd = redis_connect(redis_port);
    for (int number = 0; number < users; number++) {
        char name[128], command[256];
        snprintf(name, sizeof name, channel, number);
        int length = snprintf(command, sizeof command, "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n", strlen(name), name);
        write_all(input_fd, command, (size_t)length);
        if (number % 100 == 99) read_messages();
    }
    clients_watch(input_fd, read_messages);
}
