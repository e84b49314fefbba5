/* What compressing a message costs: CPU and size for each engine, window and kind of message.
 *
 * Every form is inflated by zlib with the receiver's window before anything is timed. */
#include "engines.h"
#include "payloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum { CAPACITY = 256 * 1024 };

static const struct tuning short_chains = {4, 4, 16, 8};
static const struct tuning medium_chains = {8, 16, 128, 32};

static const struct engine engines[] = {
    {"zlib 6", ZLIB, 6, Z_DEFAULT_STRATEGY, NULL},
    {"zlib 1", ZLIB, 1, Z_DEFAULT_STRATEGY, NULL},
    {"zlib 2", ZLIB, 2, Z_DEFAULT_STRATEGY, NULL},
    {"zlib 3", ZLIB, 3, Z_DEFAULT_STRATEGY, NULL},
    {"zlib 4", ZLIB, 4, Z_DEFAULT_STRATEGY, NULL},
    {"zlib 5", ZLIB, 5, Z_DEFAULT_STRATEGY, NULL},
    {"zlib 9", ZLIB, 9, Z_DEFAULT_STRATEGY, NULL},
    {"zlib 6 filtered", ZLIB, 6, Z_FILTERED, NULL},
    {"zlib 6 fixed", ZLIB, 6, Z_FIXED, NULL},
    {"zlib 6 tuned 4/4/16/8", ZLIB, 6, Z_DEFAULT_STRATEGY, &short_chains},
    {"zlib 6 tuned 8/16/128/32", ZLIB, 6, Z_DEFAULT_STRATEGY, &medium_chains},
    {"igzip 0", IGZIP, 0, 0, NULL},
    {"igzip 1", IGZIP, 1, 0, NULL},
    {"igzip 2", IGZIP, 2, 0, NULL},
    {"igzip 3", IGZIP, 3, 0, NULL},
};
enum { ENGINES = sizeof engines / sizeof *engines };

static const struct shape shapes[] = {{12, 5, true}, {12, 5, false}, {15, 8, true}, {15, 8, false}, {10, 3, true}};

struct figure {
    double nanoseconds;
    double size;
    size_t memory;
};

static unsigned char output[CAPACITY];
static unsigned char inflated[CAPACITY];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void fail(const struct engine *engine, const char *what) {
    fprintf(stderr, "%s: %s\n", engine->name, what);
    exit(1);
}

/* Inflates what was compressed, as the receiver does, and compares; gives the compressed size. */
static double check(const struct engine *engine, const struct shape *shape, const struct payloads *payloads) {
    struct compressor *compressor = open_compressor(engine, shape);
    z_stream receiver;
    memset(&receiver, 0, sizeof receiver);
    if (inflateInit2(&receiver, -shape->window_bits) != Z_OK) fail(engine, "inflateInit2 failed");
    size_t size = 0;
    for (int i = 0; i < payloads->count; i++) {
        const struct message *message = &payloads->messages[i];
        size_t count = compress_message(compressor, message->bytes, message->length, output, CAPACITY);
        if (count == 0) fail(engine, "a message was not compressed whole");
        size += count;
        if (memcmp(output + count, "\0\0\377\377", 4) != 0) fail(engine, "a message has no tail 00 00 FF FF");
        receiver.next_in = output;
        receiver.avail_in = (unsigned)count + 4;
        receiver.next_out = inflated;
        receiver.avail_out = CAPACITY;
        if (inflate(&receiver, Z_SYNC_FLUSH) != Z_OK || receiver.avail_in > 0
            || CAPACITY - receiver.avail_out != message->length || memcmp(inflated, message->bytes, message->length) != 0)
            fail(engine, "a message does not inflate to what it was");
        if (!shape->takeover) {
            forget_window(compressor);
            inflateReset(&receiver);
        }
    }
    inflateEnd(&receiver);
    close_compressor(compressor);
    return (double)size;
}

/* CPU per message of one pass over all of them. */
static double measure(struct compressor *compressor, const struct shape *shape, const struct payloads *payloads) {
    double start = now();
    for (int i = 0; i < payloads->count; i++) {
        const struct message *message = &payloads->messages[i];
        compress_message(compressor, message->bytes, message->length, output, CAPACITY);
        if (!shape->takeover) forget_window(compressor);
    }
    return (now() - start) / payloads->count;
}

static void print_row(const struct engine *engine, const struct payloads *payloads, struct figure figure, double base) {
    double share = figure.size / (double)payloads->length;
    printf("| %-18s | %-24s | %8.2f | %5.2f | %6.1f %% | %5.0f |\n", payloads->name, engine->name, figure.nanoseconds / 1000,
        figure.nanoseconds / base, 100 * share, (double)figure.memory / 1024);
}

static void compare(const struct shape *shape, const struct payloads *payloads, int rounds) {
    struct compressor *compressors[ENGINES] = {0};
    struct figure figures[ENGINES];
    for (int i = 0; i < ENGINES; i++) {
        compressors[i] = open_compressor(&engines[i], shape);
        if (compressors[i] == NULL) continue;
        figures[i].size = check(&engines[i], shape, payloads);
        figures[i].memory = compressor_memory(compressors[i]);
        figures[i].nanoseconds = 1e18;
    }
    /* Rounds alternate, so that a busy moment of the machine does not hit one engine alone. */
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < ENGINES; i++) {
            if (compressors[i] == NULL) continue;
            double nanoseconds = measure(compressors[i], shape, payloads);
            if (nanoseconds < figures[i].nanoseconds) figures[i].nanoseconds = nanoseconds;
        }
    for (int i = 0; i < ENGINES; i++) {
        if (compressors[i] == NULL) continue;
        print_row(&engines[i], payloads, figures[i], figures[0].nanoseconds);
        close_compressor(compressors[i]);
    }
}

int main(int count, char **arguments) {
    int rounds = count > 1 ? atoi(arguments[1]) : 3;
    if (rounds < 1 || count > 2) {
        fprintf(stderr, "usage: compression [ROUNDS]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *shape = &shapes[i];
        printf("\n### window %d bits, memory level %d, %s\n\n", shape->window_bits, shape->memory_level,
            shape->takeover ? "context takeover" : "no context takeover");
        printf("| messages | engine | µs a message | × zlib 6 | size | KiB |\n|---|---|---|---|---|---|\n");
        for (int kind = 0; kind < payload_kind_count; kind++) {
            struct payloads *payloads = make_payloads(kind);
            compare(shape, payloads, rounds);
            free_payloads(payloads);
        }
    }
    return 0;
}
