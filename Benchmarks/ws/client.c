// Socket.IO clients over WebSocket: as little work as the protocol allows, so that the server is what is measured.
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum phase { CLOSED, CONNECTING, UPGRADING, OPENING, JOINING, JOINED };

typedef struct {
    int fd;
    enum phase phase;
    uint64_t started;
    char *rest;  // the front of a frame that is not complete
    size_t rest_length;
} client;

enum { WATCHED = -1, EVENTS = 1024, INPUT = 1 << 18 };

static client *clients;
static int loop, port;
static const char *path, *namespace, *user;
static char join_text[200], input[INPUT];
static int in_flight;
static long lost;
static samples *join_times;
static event_handler on_event;
static void (*on_watched)(void);

void clients_setup(int capacity, int server_port, const char *server_path, const char *server_namespace) {
    clients = calloc((size_t)capacity, sizeof *clients);
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (!clients || loop < 0) fail("no memory for %d clients", capacity);
    for (int i = 0; i < capacity; i++) clients[i].fd = -1;
    port = server_port;
    path = server_path;
    namespace = server_namespace;
    snprintf(join_text, sizeof join_text, "40%s,", namespace);
}

void clients_on_event(event_handler handler) { on_event = handler; }
long clients_lost(void) { return lost; }

void clients_watch(int fd, void (*readable)(void)) {
    on_watched = readable;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)WATCHED};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll: %s", strerror(errno));
}

int tcp_connect(int to, int number) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) fail("socket: %s", strerror(errno));
    // 28,000 ports belong to each source address.
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(number / 20000))};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (void *)&from, sizeof from) < 0) fail("bind: %s", strerror(errno));
    if (connect(fd, (void *)&server, sizeof server) < 0 && errno != EINPROGRESS) fail("connect: %s", strerror(errno));
    return fd;
}

static void drop(client *one, const char *why) {
    if (one->phase == CLOSED) return;
    if (one->phase != JOINED) fail("client %d was not let in: %s", (int)(one - clients), why);
    lost++;
    close(one->fd);
    one->fd = -1;
    one->phase = CLOSED;
}

static void put(client *one, const void *bytes, size_t length) {
    if (send(one->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) drop(one, strerror(errno));
}

// A text frame as clients send them. The key is zero: masking changes nothing then, which RFC 6455 does not forbid for a test.
static void put_text(client *one, const char *text) {
    unsigned char frame[256] = {0x81};
    size_t length = strlen(text);
    frame[1] = (unsigned char)(0x80 | length);
    memcpy(frame + 6, text, length);
    put(one, frame, 6 + length);
}

static void start(int number) {
    client *one = &clients[number];
    one->fd = tcp_connect(port, number);
    one->phase = CONNECTING;
    one->started = now_ns();
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = (uint64_t)number};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, one->fd, &event) < 0) fail("epoll: %s", strerror(errno));
    in_flight++;
}

static void request_upgrade(client *one) {
    char name[64], request[512];
    snprintf(name, sizeof name, user, (int)(one - clients));
    int length = snprintf(request, sizeof request,
                          "GET %s?EIO=4&transport=websocket&userId=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                          "User-Agent: vy-gateway-bench\r\n\r\n",
                          path, name, port);
    one->phase = UPGRADING;
    put(one, request, (size_t)length);
}

static void message(client *one, const char *text, size_t length) {
    if (length > 0 && text[0] == '2') return put_text(one, "3");
    switch (one->phase) {
    case OPENING:
        if (text[0] != '0') return drop(one, "no open packet");
        one->phase = JOINING;
        return put_text(one, join_text);
    case JOINING:
        if (strncmp(text, join_text, strlen(join_text)) != 0) return drop(one, "no CONNECT reply");
        one->phase = JOINED;
        in_flight--;
        if (join_times) samples_add(join_times, now_ns() - one->started);
        return;
    case JOINED:
        if (length > 2 && text[0] == '4' && text[1] == '2' && on_event) on_event((int)(one - clients), text, length);
        return;
    default: return;
    }
}

// Handles the frames at `bytes`; returns how much of them was whole.
static size_t frames(client *one, char *bytes, size_t length) {
    size_t used = 0;
    if (one->phase == UPGRADING) {
        char *end = memmem(bytes, length, "\r\n\r\n", 4);
        if (!end) return 0;
        if (length < 12 || memcmp(bytes, "HTTP/1.1 101", 12) != 0) {
            drop(one, "the upgrade was refused");
            return length;
        }
        one->phase = OPENING;
        used = (size_t)(end + 4 - bytes);
    }
    while (one->phase != CLOSED && length - used >= 2) {
        unsigned char *head = (unsigned char *)bytes + used;
        size_t header = 2, payload = head[1] & 0x7f;
        if (payload == 126) header = 4;
        if (payload == 127) header = 10;
        if (length - used < header) break;
        if (payload == 126) payload = (size_t)head[2] << 8 | head[3];
        if (payload == 127) {
            payload = 0;
            for (int i = 2; i < 10; i++) payload = payload << 8 | head[i];
        }
        if (length - used - header < payload) break;
        if ((head[0] & 0x0f) == 8) drop(one, "a close frame");
        if ((head[0] & 0x0f) == 1) message(one, bytes + used + header, payload);
        used += header + payload;
    }
    return used;
}

static void readable(client *one) {
    while (one->phase != CLOSED) {
        size_t kept = one->rest_length;
        if (kept) memcpy(input, one->rest, kept);
        ssize_t count = recv(one->fd, input + kept, INPUT - kept, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) return drop(one, count ? strerror(errno) : "closed");
        size_t length = kept + (size_t)count, used = frames(one, input, length);
        free(one->rest);
        one->rest = NULL;
        one->rest_length = 0;
        if (used < length && one->phase != CLOSED) {
            if (length - used == INPUT) fail("a frame longer than %d bytes", INPUT);
            one->rest_length = length - used;
            one->rest = malloc(one->rest_length);
            memcpy(one->rest, input + used, one->rest_length);
        }
        if (length < INPUT) return;  // All there was; more raises another edge.
    }
}

void clients_poll(int timeout_ms) {
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(loop, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == (uint64_t)WATCHED) {
            on_watched();
            continue;
        }
        client *one = &clients[events[i].data.u64];
        if (one->phase == CLOSED) continue;
        if (one->phase == CONNECTING) {
            if (events[i].events & (EPOLLERR | EPOLLHUP)) drop(one, "no connection");
            if (events[i].events & EPOLLOUT) request_upgrade(one);
        }
        if (events[i].events & (EPOLLIN | EPOLLRDHUP)) readable(one);
    }
}

uint64_t clients_connect(int first, int count, const char *name, int concurrency, samples *times) {
    uint64_t began = now_ns(), limit = began + 120000000000u;
    int next = first;
    user = name;
    join_times = times;
    while (next < first + count || in_flight > 0) {
        while (next < first + count && in_flight < concurrency) start(next++);
        clients_poll(100);
        if (now_ns() > limit) fail("%d of %d clients were let in within two minutes", next - first - in_flight, count);
    }
    join_times = NULL;
    return now_ns() - began;
}

void clients_close(int first, int count) {
    for (client *one = clients + first; one < clients + first + count; one++) {
        if (one->phase == CLOSED) continue;
        close(one->fd);
        free(one->rest);
        *one = (client){.fd = -1};
    }
}
