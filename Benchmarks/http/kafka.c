// Request and reply over Kafka by librdkafka alone: a light service, and a client that drives it as the bridge does.
//   kafka responder BROKER TOPIC PARTITIONS
//   kafka direct BROKER TOPIC REPLY_TOPIC IN_FLIGHT SECONDS BODY_BYTES
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_IN_FLIGHT = 65536, MAX_SAMPLES = 1 << 25, PATIENCE = 5000 };
static const char *CORRELATION = "kafka_correlationId", *REPLY_TOPIC = "kafka_replyTopic", *REPLY_PARTITION = "kafka_replyPartition";
static volatile sig_atomic_t stopped;

static void stop(int number) { (void)number, stopped = 1; }

static void fail(const char *what, const char *why) {
    fprintf(stderr, "kafka: %s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

// Properties follow as pairs, ended by NULL.
static rd_kafka_t *client(rd_kafka_type_t type, const char *broker, ...) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    va_list pairs;
    va_start(pairs, broker);
    rd_kafka_conf_set(conf, "bootstrap.servers", broker, error, sizeof error);
    for (const char *name; (name = va_arg(pairs, const char *)) != NULL;)
        if (rd_kafka_conf_set(conf, name, va_arg(pairs, const char *), error, sizeof error) != RD_KAFKA_CONF_OK) fail(name, error);
    va_end(pairs);
    if (type == RD_KAFKA_CONSUMER) rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH);
    rd_kafka_t *kafka = rd_kafka_new(type, conf, error, sizeof error);
    if (kafka == NULL) fail("rd_kafka_new", error);
    return kafka;
}

static rd_kafka_t *producer(const char *broker) {
    return client(RD_KAFKA_PRODUCER, broker, "enable.idempotence", "true", "acks", "all", "linger.ms", "0", "queue.buffering.max.messages", "1000000", NULL);
}

static void create(rd_kafka_t *kafka, const char *topic, int partitions) {
    char error[512];
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, error, sizeof error);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_CreateTopics(kafka, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    if (event == NULL) fail("CreateTopics", "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
}

// A consumer of all partitions of a topic, from their ends on, and its queue.
static rd_kafka_queue_t *consume(const char *broker, const char *topic, int partitions) {
    rd_kafka_t *kafka = client(
        RD_KAFKA_CONSUMER, broker, "group.id", "bench", "enable.auto.commit", "false", "enable.auto.offset.store", "false", NULL);
    rd_kafka_poll_set_consumer(kafka);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int partition = 0; partition < partitions; partition++) {
        int64_t low, high;
        rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(kafka, topic, partition, &low, &high, 10000);
        if (error) fail(topic, rd_kafka_err2str(error));
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = high;
    }
    rd_kafka_assign(kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    return rd_kafka_queue_get_consumer(kafka);
}

static int header(const rd_kafka_message_t *message, const char *name, char *value, size_t size) {
    rd_kafka_headers_t *headers;
    const void *bytes;
    size_t count;
    if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, name, &bytes, &count) || count >= size) return 0;
    memcpy(value, bytes, count);
    value[count] = 0;
    return 1;
}

static int respond(const char *broker, const char *topic, int partitions) {
    rd_kafka_t *out = producer(broker);
    create(out, topic, partitions);
    rd_kafka_queue_t *in = consume(broker, topic, partitions);
    printf("ready\n");
    fflush(stdout);
    while (!stopped) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(in, 200);
        const rd_kafka_message_t *message;
        while (event != NULL && (message = rd_kafka_event_message_next(event)) != NULL) {
            char id[128], reply_topic[256], partition[16];
            if (message->err || !header(message, CORRELATION, id, sizeof id) || !header(message, REPLY_TOPIC, reply_topic, sizeof reply_topic)
                || !header(message, REPLY_PARTITION, partition, sizeof partition)) continue;
            rd_kafka_resp_err_t error = rd_kafka_producev(
                out, RD_KAFKA_V_TOPIC(reply_topic), RD_KAFKA_V_PARTITION(atoi(partition)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                RD_KAFKA_V_VALUE(message->payload, message->len), RD_KAFKA_V_HEADER(CORRELATION, id, -1),
                RD_KAFKA_V_HEADER("kafka_nest-is-disposed", "\0", 1), RD_KAFKA_V_END);
            if (error) fprintf(stderr, "kafka: reply: %s\n", rd_kafka_err2str(error));
        }
        if (event != NULL) rd_kafka_event_destroy(event);
        rd_kafka_poll(out, 0);
    }
    return 0;
}

static int compare(const void *left, const void *right) {
    float difference = *(const float *)left - *(const float *)right;
    return difference < 0 ? -1 : difference > 0;
}

static void ask(rd_kafka_t *out, const char *topic, const char *reply_topic, const char *id, char *body, int size) {
    rd_kafka_resp_err_t error = rd_kafka_producev(
        out, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(body, size), RD_KAFKA_V_HEADER(CORRELATION, id, -1),
        RD_KAFKA_V_HEADER(REPLY_TOPIC, reply_topic, -1), RD_KAFKA_V_HEADER(REPLY_PARTITION, "0", -1), RD_KAFKA_V_END);
    if (error) fail("produce", rd_kafka_err2str(error));
}

static char *make_body(int size) {
    char *body = malloc(size + 1);
    int used = snprintf(body, size + 1, "{\"amount\":1999,\"currency\":\"usd\",\"text\":\"");
    if (used > size - 2) fail("body", "too few bytes");
    memset(body + used, 'x', size - used - 2);
    memcpy(body + size - 2, "\"}", 2);
    return body;
}

// A second to warm up, then `seconds` that count; each reply sends the next request of its slot.
static int drive(const char *broker, const char *topic, const char *reply_topic, int in_flight, double seconds, int size) {
    static double began[MAX_IN_FLIGHT];
    if (in_flight < 1 || in_flight > MAX_IN_FLIGHT) fail("in flight", "out of range");
    rd_kafka_t *out = producer(broker);
    create(out, reply_topic, 1);
    rd_kafka_queue_t *in = consume(broker, reply_topic, 1);
    char *body = make_body(size), id[64];
    float *samples = malloc(sizeof *samples * MAX_SAMPLES);
    long count = 0;
    for (int slot = 0; slot < in_flight; slot++) {
        snprintf(id, sizeof id, "%032x", slot);
        began[slot] = now();
        ask(out, topic, reply_topic, id, body, size);
    }
    double start = now() + 1, end = start + seconds;
    while (now() < end) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(in, PATIENCE);
        if (event == NULL) fail("replies", "none come");
        double time = now();
        const rd_kafka_message_t *message;
        while ((message = rd_kafka_event_message_next(event)) != NULL) {
            if (message->err) fail("consume", rd_kafka_message_errstr(message));
            if (!header(message, CORRELATION, id, sizeof id)) continue;
            int slot = (int)strtol(id, NULL, 16);
            if (began[slot] >= start && count < MAX_SAMPLES) samples[count++] = (float)((time - began[slot]) * 1e3);
            began[slot] = time;
            ask(out, topic, reply_topic, id, body, size);
        }
        rd_kafka_event_destroy(event);
        rd_kafka_poll(out, 0);
    }
    if (count == 0) fail("replies", "none");
    qsort(samples, count, sizeof *samples, compare);
    printf("{\"perSecond\":%.0f,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n", count / seconds, samples[count / 2], samples[count * 99 / 100], samples[count - 1]);
    return 0;
}

int main(int argc, char **argv) {
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    if (argc == 5 && strcmp(argv[1], "responder") == 0) return respond(argv[2], argv[3], atoi(argv[4]));
    if (argc == 8 && strcmp(argv[1], "direct") == 0) return drive(argv[2], argv[3], argv[4], atoi(argv[5]), atof(argv[6]), atoi(argv[7]));
    fprintf(stderr, "usage: kafka responder BROKER TOPIC PARTITIONS | kafka direct BROKER TOPIC REPLY_TOPIC IN_FLIGHT SECONDS BODY_BYTES\n");
    return 64;
}
