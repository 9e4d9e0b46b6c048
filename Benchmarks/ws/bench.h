// The load driver of edge-ws: what its parts have in common. See docs/performance.md.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Ends the program with a message on stderr.
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// CLOCK_MONOTONIC in nanoseconds.
uint64_t now_ns(void);

// measure.c: figures, and what the machine did meanwhile.

typedef struct {
    uint64_t *values;
    size_t count, capacity;
} samples;

void samples_add(samples *all, uint64_t value);
// Sorts; `share` from 0 to 1. 0 where there are none.
uint64_t samples_quantile(samples *all, double share);
void samples_clear(samples *all);

typedef struct {
    uint64_t time_ns;
    double server, redis, driver, machine;  // CPU seconds spent since the start of each
} cpu_reading;

void cpu_watch(int server_pid, int redis_pid);
cpu_reading cpu_read(void);
// Writes `"cpu": {...}` for the time since `from`: cores used by each, and by everything else on the machine.
void cpu_print(cpu_reading from);

typedef struct {
    long resident, anonymous;  // kB
} memory_reading;

memory_reading memory_read(int pid);

// client.c: Socket.IO clients over WebSocket, all on the calling thread.

typedef void (*event_handler)(int client, const char *text, size_t length);

void clients_setup(int capacity, int port, const char *path, const char *namespace);
// Opens clients first..<first + count, `concurrency` at a time, and waits until all have joined. `user` has one %d, the client's
// number, or none. The time of each from connect() to joined goes to `times`. Returns how long all of it took.
uint64_t clients_connect(int first, int count, const char *user, int concurrency, samples *times);
void clients_close(int first, int count);
void clients_on_event(event_handler handler);
// Handles what comes within the time; -1 waits for something.
void clients_poll(int timeout_ms);
// Lets one more descriptor be watched by clients_poll.
void clients_watch(int fd, void (*readable)(void));
// Clients that the server closed. One that is not let in ends the program.
long clients_lost(void);
// Opens a non-blocking TCP connection to a port of this host; the source address follows from `number`.
int tcp_connect(int port, int number);

// publisher.c: messages on the channels of users, in Redis.

typedef struct {
    const char *channel;  // printf format with one %d, the user's number
    int users;
    double rate, seconds;
    int stage;
    bool direct;  // for the subscriber and not for edge-ws, where the ids of a user form a chain of their own
} publication;

void publisher_setup(int redis_port, int capacity);
// Sends messages one after another to the users in turn, on a thread of its own, at a constant rate.
void publisher_start(const publication *job);
// Waits for the end. `late`: by how much each message left after its scheduled time.
long publisher_finish(samples *late);
// One message at once, to the channel as it is.
void publisher_send(const char *channel, int stage, int number);

// A connection that is subscribed to the channels of all users itself: the way without edge-ws.
void subscriber_setup(int redis_port, const char *channel, int users, event_handler handler);

// bare.c: a TCP server, a child of the driver, and its clients, that do what costs the kernel time, and nothing else.

typedef struct {
    double connects;    // a second, each with one request and one answer
    double deliveries;  // a second, of one message at a time to all connections
} bare_figures;

bare_figures bare_measure(int connections, int concurrency, int message_bytes, int messages);
