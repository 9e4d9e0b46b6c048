// Runs the stages one after another and prints what each measured, a line of JSON each. run.py starts it and the servers.
#define _GNU_SOURCE
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 250, TAIL_MS = 5000, LEAST_DELIVERIES = 100000 };

static struct {
    int server_port, server_pid, redis_port, redis_pid, connections, concurrency, messages;
    double settle, seconds;
    const char *rates, *crowds, *path, *namespace;
} options = {.connections = 10000, .concurrency = 256, .crowds = "5000", .messages = 40, .settle = 30, .seconds = 10,
             .rates = "1000,5000,10000,20000", .path = "/socket.io/", .namespace = "/finance-payments"};

static int stage;
static long received, misplaced;
static samples latencies;

static void read_options(int count, char **words) {
    static const struct option known[] = {
        {"server-port", 1, 0, 'p'}, {"server-pid", 1, 0, 'P'}, {"redis-port", 1, 0, 'r'}, {"redis-pid", 1, 0, 'R'},
        {"connections", 1, 0, 'n'}, {"concurrency", 1, 0, 'c'}, {"crowds", 1, 0, 'C'}, {"messages", 1, 0, 'm'},
        {"settle", 1, 0, 's'}, {"seconds", 1, 0, 'S'}, {"rates", 1, 0, 'a'}, {"path", 1, 0, 'x'}, {"namespace", 1, 0, 'N'}, {0}};
    int option;
    while ((option = getopt_long(count, words, "", known, NULL)) != -1) switch (option) {
        case 'p': options.server_port = atoi(optarg); break;
        case 'P': options.server_pid = atoi(optarg); break;
        case 'r': options.redis_port = atoi(optarg); break;
        case 'R': options.redis_pid = atoi(optarg); break;
        case 'n': options.connections = atoi(optarg); break;
        case 'c': options.concurrency = atoi(optarg); break;
        case 'C': options.crowds = optarg; break;
        case 'm': options.messages = atoi(optarg); break;
        case 's': options.settle = atof(optarg); break;
        case 'S': options.seconds = atof(optarg); break;
        case 'a': options.rates = optarg; break;
        case 'x': options.path = optarg; break;
        case 'N': options.namespace = optarg; break;
        default: fail("see run.py for the options");
        }
    if (!options.server_port || !options.redis_port) fail("needs the ports of the servers: run.py knows them");
}

// The numbers of a list with commas, one with each call; `rest` is NULL at its end.
static double next_number(const char **rest) {
    double number = atof(*rest);
    *rest = strchr(*rest, ',');
    if (*rest) ++*rest;
    return number;
}

static int largest_crowd(void) {
    int largest = 0;
    for (const char *rest = options.crowds; rest;) {
        int crowd = (int)next_number(&rest);
        if (rest && crowd >= atoi(rest)) fail("crowds are to grow");
        largest = crowd;
    }
    return largest;
}

// The number after `name` in a message of this program's own making.
static uint64_t number_in(const char *text, size_t length, const char *name) {
    const char *found = memmem(text, length, name, strlen(name));
    return found ? strtoull(found + strlen(name), NULL, 10) : 0;
}

// A message that came in another stage than it was sent in, or to another client than its user's, is a fault.
static void received_event(int client, const char *text, size_t length) {
    uint64_t now = now_ns(), scheduled = number_in(text, length, "\"t\":");
    bool is_users = client < 0 || client >= options.connections || number_in(text, length, "\"userId\":\"u") == (uint64_t)client;
    if ((int)number_in(text, length, "\"stage\":") != stage || !is_users) {
        misplaced++;
        return;
    }
    received++;
    samples_add(&latencies, now > scheduled ? now - scheduled : 0);
}

static void wait_for(double seconds) {
    uint64_t until = now_ns() + (uint64_t)(1e9 * seconds), now;
    while ((now = now_ns()) < until) clients_poll((int)((until - now) / 1000000) + 1);
}

static double ms(samples *all, double share) { return 1e-6 * (double)samples_quantile(all, share); }

static void measure_connections(void) {
    memory_reading before = memory_read(options.server_pid);
    samples times = {0};
    cpu_reading from = cpu_read();
    uint64_t took = clients_connect(0, options.connections, "u%d", options.concurrency, &times);
    printf("{\"stage\": \"connect\", \"connections\": %d, \"seconds\": %.3f, \"connects_per_second\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, ",
           options.connections, 1e-9 * (double)took, 1e9 * options.connections / (double)took, ms(&times, 0.5), ms(&times, 0.99));
    cpu_print(from);
    puts("}");
    memory_reading connected = memory_read(options.server_pid);
    from = cpu_read();
    wait_for(options.settle);
    memory_reading settled = memory_read(options.server_pid);
    double count = options.connections;
    printf("{\"stage\": \"memory\", \"connections\": %d, \"before_kb\": %ld, \"connected_kb\": %ld, \"settled_kb\": %ld, "
           "\"anonymous_kb\": %ld, \"kb_per_connection\": %.2f, \"anonymous_kb_per_connection\": %.2f, \"settle_seconds\": %.0f, ",
           options.connections, before.resident, connected.resident, settled.resident, settled.anonymous,
           (double)(settled.resident - before.resident) / count, (double)(settled.anonymous - before.anonymous) / count, options.settle);
    cpu_print(from);
    puts("}");
}

static void measure_unicasts(double rate, bool direct) {
    samples late;
    publication job = {direct ? "floor:{u%d}:updates" : "vy:user:{u%d}:updates", options.connections, rate, options.seconds, ++stage, direct};
    received = misplaced = 0;
    samples_clear(&latencies);
    cpu_reading from = cpu_read();
    uint64_t end = now_ns() + (uint64_t)(1e9 * options.seconds);
    publisher_start(&job);
    while (now_ns() < end) clients_poll(10);
    long sent = publisher_finish(&late);
    for (uint64_t limit = now_ns() + TAIL_MS * 1000000ull; received < sent && now_ns() < limit;) clients_poll(10);
    printf("{\"stage\": \"%s\", \"rate\": %.0f, \"sent\": %ld, \"received\": %ld, \"misplaced\": %ld, \"p50_ms\": %.3f, \"p90_ms\": %.3f, "
           "\"p99_ms\": %.3f, \"max_ms\": %.3f, \"driver_late_p50_ms\": %.3f, \"driver_late_p99_ms\": %.3f, ",
           direct ? "floor" : "unicast", rate, sent, received, misplaced, ms(&latencies, 0.5), ms(&latencies, 0.9), ms(&latencies, 0.99),
           ms(&latencies, 1), ms(&late, 0.5), ms(&late, 0.99));
    cpu_print(from);
    puts("}");
}

static void await(long wanted) {
    for (uint64_t limit = now_ns() + TAIL_MS * 1000000ull; received < wanted;) {
        clients_poll(10);
        if (now_ns() > limit) fail("%ld of %ld deliveries came", received, wanted);
    }
}

// Of a crowd that had `before` sockets.
static void measure_fan_out(int before, int crowd) {
    samples joins = {0}, times = {0};
    int messages = crowd * options.messages < LEAST_DELIVERIES ? LEAST_DELIVERIES / crowd : options.messages;
    clients_connect(options.connections + before, crowd - before, "crowd", options.concurrency, &joins);
    wait_for(1);
    stage++;
    received = misplaced = 0;
    cpu_reading from = cpu_read();
    uint64_t began = now_ns();
    for (int n = 1; n <= messages; n++) {
        uint64_t start = now_ns();
        publisher_send("vy:user:{crowd}:updates", stage, 0);
        await((long)n * crowd);
        samples_add(&times, now_ns() - start);
    }
    double single = 1e9 * messages * crowd / (double)(now_ns() - began);
    printf("{\"stage\": \"fanout\", \"sockets\": %d, \"messages\": %d, \"deliveries_per_second\": %.0f, \"p50_ms\": %.2f, \"max_ms\": %.2f, "
           "\"best_per_second\": %.0f, \"misplaced\": %ld, ",
           crowd, messages, single, ms(&times, 0.5), ms(&times, 1), 1e9 * crowd / (double)samples_quantile(&times, 0), misplaced);
    cpu_print(from);
    puts("}");
    stage++;
    received = misplaced = 0;
    from = cpu_read();
    began = now_ns();
    for (int n = 0; n < options.messages; n++) publisher_send("vy:user:{crowd}:updates", stage, 0);
    await((long)options.messages * crowd);
    printf("{\"stage\": \"fanout_burst\", \"sockets\": %d, \"messages\": %d, \"deliveries_per_second\": %.0f, \"misplaced\": %ld, ", crowd,
           options.messages, 1e9 * options.messages * crowd / (double)(now_ns() - began), misplaced);
    cpu_print(from);
    puts("}");
}

static void measure_bare(int crowd) {
    cpu_reading from = cpu_read();
    int messages = crowd * options.messages < LEAST_DELIVERIES ? LEAST_DELIVERIES / crowd : options.messages;
    bare_figures bare = bare_measure(crowd, options.concurrency, MESSAGE_BYTES, messages);
    printf("{\"stage\": \"bare\", \"connections\": %d, \"connects_per_second\": %.0f, \"deliveries_per_second\": %.0f, ", crowd,
           bare.connects, bare.deliveries);
    cpu_print(from);
    puts("}");
}

int main(int count, char **words) {
    read_options(count, words);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cpu_watch(options.server_pid, options.redis_pid);
    int crowd = largest_crowd();
    clients_setup(options.connections + crowd, options.server_port, options.path, options.namespace);
    clients_on_event(received_event);
    publisher_setup(options.redis_port, options.connections);
    measure_connections();
    subscriber_setup(options.redis_port, "floor:{u%d}:updates", options.connections, received_event);
    for (const char *rest = *options.rates ? options.rates : NULL; rest;) {
        double rate = next_number(&rest);
        measure_unicasts(rate, true);
        measure_unicasts(rate, false);
    }
    if (crowd > 0) {
        int replaced = options.connections < crowd ? options.connections : crowd, before = 0;
        clients_close(options.connections - replaced, replaced);
        wait_for(1);
        for (const char *rest = options.crowds; rest; before = crowd) measure_fan_out(before, crowd = (int)next_number(&rest));
        clients_close(0, options.connections + crowd);
        for (const char *rest = options.crowds; rest;) measure_bare((int)next_number(&rest));
    }
    printf("{\"stage\": \"end\", \"lost\": %ld}\n", clients_lost());
    return 0;
}
