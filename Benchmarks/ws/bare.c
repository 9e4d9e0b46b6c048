// A TCP server that answers and broadcasts bytes without looking at them: what the kernel alone costs on this machine.
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// Bytes as in a WebSocket handshake.
enum { EVENTS = 1024, REQUEST = 250, ANSWER = 160 };

static int listener, loop, wake_up, capacity, count;
static int *connections;
static int broadcast;
static char zeros[4096];

static void watch(int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll: %s", strerror(errno));
}

static void accept_all(void) {
    int fd, on = 1;
    while (count < capacity && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[count++] = fd;
        watch(fd, EPOLLIN);
    }
}

static _Noreturn void serve(void) {
    struct epoll_event events[EVENTS];
    char input[4096];
    for (;;) {
        int ready = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all();
            } else if (fd == wake_up) {
                eventfd_t value;
                eventfd_read(wake_up, &value);
                for (int n = 0; n < count; n++) send(connections[n], zeros, (size_t)broadcast, MSG_NOSIGNAL);
            } else if (recv(fd, input, sizeof input, 0) > 0) {
                send(fd, zeros, ANSWER, MSG_NOSIGNAL);
            } else {
                epoll_ctl(loop, EPOLL_CTL_DEL, fd, NULL);
            }
        }
    }
}

// A process of its own, so that its descriptors are beside those of its clients.
static pid_t start_server(int most, int message_bytes, int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    capacity = most;
    broadcast = message_bytes;
    connections = calloc((size_t)most, sizeof *connections);
    loop = epoll_create1(EPOLL_CLOEXEC);
    wake_up = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (void *)&address, length) < 0 || listen(listener, 1024) < 0) fail("listen: %s", strerror(errno));
    getsockname(listener, (void *)&address, &length);
    watch(listener, EPOLLIN);
    watch(wake_up, EPOLLIN);
    *port = ntohs(address.sin_port);
    pid_t child = fork();
    if (child < 0) fail("no process");
    if (child > 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve();
}

bare_figures bare_measure(int wanted, int concurrency, int message_bytes, int messages) {
    static struct epoll_event events[EVENTS];
    static char request[REQUEST], input[1 << 16];
    int own = epoll_create1(EPOLL_CLOEXEC), *clients = calloc((size_t)wanted, sizeof *clients), port, opened = 0, answered = 0;
    pid_t server = start_server(wanted, message_bytes, &port);
    bare_figures figures;
    uint64_t began = now_ns();
    while (answered < wanted) {
        for (; opened < wanted && opened - answered < concurrency; opened++) {
            clients[opened] = tcp_connect(port, opened);
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = clients[opened]};
            epoll_ctl(own, EPOLL_CTL_ADD, event.data.fd, &event);
        }
        int ready = epoll_wait(own, events, EVENTS, 1000);
        for (int i = 0; i < ready; i++) {
            if (events[i].events & EPOLLIN) answered += recv(events[i].data.fd, input, sizeof input, 0) > 0;
            else send(events[i].data.fd, request, sizeof request, MSG_NOSIGNAL);
        }
    }
    figures.connects = 1e9 * wanted / (double)(now_ns() - began);
    began = now_ns();
    for (int n = 0; n < messages; n++) {
        int received = 0;
        eventfd_write(wake_up, 1);
        while (received < wanted) {
            int ready = epoll_wait(own, events, EVENTS, 1000);
            for (int i = 0; i < ready; i++) received += recv(events[i].data.fd, input, sizeof input, 0) > 0;
        }
    }
    figures.deliveries = 1e9 * wanted * messages / (double)(now_ns() - began);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    for (int n = 0; n < wanted; n++) close(clients[n]);
    free(clients);
    free(connections);
    int rest[] = {own, listener, loop, wake_up};
    for (int n = 0; n < 4; n++) close(rest[n]);
    return figures;
}
