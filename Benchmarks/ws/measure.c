// Figures: samples and their quantiles, CPU time and memory out of /proc.
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void samples_add(samples *all, uint64_t value) {
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 1 << 16;
        all->values = realloc(all->values, all->capacity * sizeof *all->values);
        if (!all->values) fail("no memory");
    }
    all->values[all->count++] = value;
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

uint64_t samples_quantile(samples *all, double share) {
    if (all->count == 0) return 0;
    qsort(all->values, all->count, sizeof *all->values, compare);
    size_t index = (size_t)(share * (double)all->count);
    return all->values[index < all->count ? index : all->count - 1];
}

void samples_clear(samples *all) { all->count = 0; }

static int server, redis;

void cpu_watch(int server_pid, int redis_pid) {
    server = server_pid;
    redis = redis_pid;
}

static double process_seconds(int pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) fail("process %d is gone", pid);
    fclose(file);
    unsigned long user, system;
    // The name before it may hold anything, blanks and brackets too.
    char *rest = strrchr(line, ')');
    if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("%s cannot be read", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double machine_seconds(void) {
    FILE *file = fopen("/proc/stat", "r");
    unsigned long user, nice, system, idle, wait, irq, soft, steal;
    if (!file || fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle, &wait, &irq, &soft, &steal) != 8)
        fail("/proc/stat cannot be read");
    fclose(file);
    return (double)(user + nice + system + irq + soft + steal) / (double)sysconf(_SC_CLK_TCK);
}

static double seconds_of(int who) {
    struct rusage used;
    getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

cpu_reading cpu_read(void) {
    return (cpu_reading){
        .time_ns = now_ns(),
        .server = process_seconds(server),
        .redis = process_seconds(redis),
        .driver = seconds_of(RUSAGE_SELF) + seconds_of(RUSAGE_CHILDREN),
        .machine = machine_seconds(),
    };
}

void cpu_print(cpu_reading from) {
    cpu_reading to = cpu_read();
    double seconds = 1e-9 * (double)(to.time_ns - from.time_ns);
    double edge = to.server - from.server, store = to.redis - from.redis, driver = to.driver - from.driver;
    double other = to.machine - from.machine - edge - store - driver;
    printf("\"cpu\": {\"edge\": %.3f, \"redis\": %.3f, \"driver\": %.3f, \"others\": %.3f, \"edge_seconds\": %.3f}", edge / seconds,
           store / seconds, driver / seconds, other > 0 ? other / seconds : 0, edge);
}

memory_reading memory_read(int pid) {
    char path[64], line[256];
    memory_reading memory = {0, 0};
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (!file) fail("process %d is gone", pid);
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "VmRSS: %ld", &memory.resident);
        sscanf(line, "RssAnon: %ld", &memory.anonymous);
    }
    fclose(file);
    return memory;
}
