// POSTs one body at a constant rate over kept-alive connections, and prints each latency in microseconds, a line each.
// A latency counts from when its request was due, so that a server or client that stops for a while is not hidden
// (coordinated omission); requests that find no free connection wait for one.
//   rate PORT PATH CONNECTIONS PER_SECOND SECONDS BODY_BYTES
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 16384, ANSWER = 1 << 16 };

struct connection {
    int socket, used;
    double due;
    char answer[ANSWER];
};

static struct connection *connections;
static int idle[MAX_CONNECTIONS], idle_count, failed;
static char *request;
static int request_size;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void make_request(const char *path, int size) {
    char *body = malloc(size + 1);
    int used = snprintf(body, size + 1, "{\"amount\":1999,\"currency\":\"usd\",\"text\":\"");
    memset(body + used, 'x', size - used - 2);
    memcpy(body + size - 2, "\"}", 3);
    request = malloc(size + 512);
    request_size = sprintf(
        request, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, size, body);
    free(body);
}

static void open_all(int count, int port, int poll) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    connections = calloc(count, sizeof *connections);
    for (int index = 0; index < count; index++) {
        int one = 1, made = socket(AF_INET, SOCK_STREAM, 0);
        if (made < 0 || connect(made, (struct sockaddr *)&address, sizeof address)) fail("connect");
        setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(made, F_SETFL, O_NONBLOCK);
        connections[index].socket = made;
        idle[idle_count++] = index;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
        epoll_ctl(poll, EPOLL_CTL_ADD, made, &event);
    }
}

// Whether the answer is whole; another status than 200 counts as failed.
static int is_whole(struct connection *connection) {
    connection->answer[connection->used] = 0;
    char *end = strstr(connection->answer, "\r\n\r\n"), *length = strcasestr(connection->answer, "\r\ncontent-length:");
    if (end == NULL || length == NULL || length > end) return 0;
    if (connection->used < end + 4 - connection->answer + atoi(length + 17)) return 0;
    failed += strncmp(connection->answer, "HTTP/1.1 200", 12) != 0;
    return 1;
}

static void receive(int index, int count_it) {
    struct connection *connection = &connections[index];
    ssize_t count = read(connection->socket, connection->answer + connection->used, ANSWER - 1 - connection->used);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) fail("the server closed a connection");
    connection->used += count;
    if (!is_whole(connection)) return;
    if (count_it) printf("%.1f\n", (now() - connection->due) * 1e6);
    connection->used = 0;
    idle[idle_count++] = index;
}

int main(int argc, char **argv) {
    if (argc != 7) return fprintf(stderr, "usage: rate PORT PATH CONNECTIONS PER_SECOND SECONDS BODY_BYTES\n"), 64;
    int count = atoi(argv[3]);
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    if (count < 1 || count > MAX_CONNECTIONS || rate <= 0 || atoi(argv[6]) < 64) return 64;
    int poll = epoll_create1(0);
    make_request(argv[2], atoi(argv[6]));
    open_all(count, atoi(argv[1]), poll);
    // The first second warms up and is not counted.
    double start = now(), counted = start + 1, end = counted + seconds;
    long sent = 0, total = (long)(rate * (seconds + 1));
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    while (sent < total || idle_count < count) {
        double time = now();
        if (time > end + 30) return fprintf(stderr, "rate: %d requests have no answer\n", count - idle_count), 1;
        while (sent < total && idle_count > 0 && start + sent / rate <= time) {
            struct connection *connection = &connections[idle[--idle_count]];
            connection->due = start + sent++ / rate;
            if (write(connection->socket, request, request_size) != request_size) fail("write");
        }
        double next = sent < total ? start + sent / rate - now() : 0.1;
        struct timespec wait = {.tv_nsec = next <= 0 ? 0 : next > 0.1 ? 100000000 : (long)(next * 1e9)};
        if (idle_count == 0) wait.tv_nsec = 100000000;
        struct epoll_event events[256];
        int ready = epoll_pwait2(poll, events, 256, &wait, NULL);
        for (int index = 0; index < ready; index++) receive(events[index].data.u32, connections[events[index].data.u32].due >= counted);
    }
    fflush(stdout);
    if (failed) fprintf(stderr, "rate: %d answers were not 200\n", failed);
    return failed ? 1 : 0;
}
