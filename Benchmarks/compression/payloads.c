#include "payloads.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 64 * 1024 };

static uint64_t state;

/* SplitMix64: the same messages on every machine. */
static uint64_t next_random(void) {
    uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static unsigned below(unsigned limit) { return (unsigned)(next_random() % limit); }

static const char *const words[] = {
    "the", "of", "and", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are", "with", "as", "his",
    "they", "at", "be", "this", "have", "from", "or", "one", "had", "by", "word", "but", "not", "what", "all", "were",
    "we", "when", "your", "can", "said", "there", "use", "each", "which", "she", "how", "their", "will", "other",
    "about", "out", "many", "then", "them", "these", "some", "would", "make", "like", "him", "into", "time", "look",
    "two", "more", "write", "go", "see", "number", "way", "could", "people", "than", "first", "water", "been", "call",
    "who", "find", "long", "down", "day", "did", "get", "come", "made", "may", "part", "meeting", "tomorrow", "release",
    "deployment", "server", "please", "thanks", "question", "answer", "coffee", "weekend", "project", "review",
};
static const char *const symbols[] = {"AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "BTC-USD", "ETH-USD", "EUR/CHF"};
static const char *const names[] = {"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"};

#define PICK(list) (list[below(sizeof list / sizeof *list)])

struct text {
    char bytes[LARGEST];
    size_t length;
};

#define ADD(text, ...)                                                                                    \
    ((text)->length += (size_t)snprintf((text)->bytes + (text)->length, LARGEST - (text)->length, __VA_ARGS__))

static void sentence(struct text *text, size_t length) {
    size_t end = text->length + length;
    while (text->length < end) ADD(text, "%s ", PICK(words));
}

static void chat(struct text *text, int size) {
    ADD(text, "{\"type\":\"message\",\"id\":\"%08x%08x\",\"room\":%u,\"from\":\"%s\",\"at\":17643%08u,\"text\":\"",
        (unsigned)next_random(), (unsigned)next_random(), below(20), PICK(names), below(100000000));
    if (size > 130) sentence(text, (size_t)size - 130);
    ADD(text, "\"}");
}

static void small_chat(struct text *text) { chat(text, 100); }
static void chat_256(struct text *text) { chat(text, 256); }
static void chat_1024(struct text *text) { chat(text, 1024); }

static void tick(struct text *text) {
    unsigned price = 10000 + below(2000);
    ADD(text, "{\"s\":\"%s\",\"b\":%u.%02u,\"a\":%u.%02u,\"bs\":%u,\"as\":%u,\"t\":17643%08u}", PICK(symbols), price / 100,
        price % 100, (price + 3) / 100, (price + 3) % 100, below(900) * 10, below(900) * 10, below(100000000));
}

static void market(struct text *text) {
    ADD(text, "{\"channel\":\"quotes\",\"seq\":%u,\"data\":[", below(10000000));
    for (int i = 0; i < 4; i++) {
        if (i > 0) ADD(text, ",");
        tick(text);
    }
    ADD(text, "]}");
}

static void big_json(struct text *text) {
    ADD(text, "{\"items\":[");
    while (text->length < 16 * 1024) {
        ADD(text, "{\"id\":%u,\"name\":\"%s %s\",\"owner\":\"%s\",\"price\":%u.%02u,\"tags\":[\"%s\",\"%s\"],\"active\":%s,"
            "\"description\":\"", below(1000000), PICK(words), PICK(words), PICK(names), below(900), below(100), PICK(words),
            PICK(words), below(2) ? "true" : "false");
        sentence(text, 60);
        ADD(text, "\"},");
    }
    ADD(text, "{}]}");
}

static void html(struct text *text) {
    ADD(text, "<table class=\"items\" id=\"t%u\">\n", below(1000));
    while (text->length < 4 * 1024) {
        ADD(text, "  <tr class=\"%s\"><td class=\"name\"><a href=\"/items/%u\">%s</a></td><td class=\"text\">",
            below(2) ? "odd" : "even", below(100000), PICK(words));
        sentence(text, 40);
        ADD(text, "</td></tr>\n");
    }
    ADD(text, "</table>\n");
}

static void noise(struct text *text) {
    for (text->length = 0; text->length < 1024; text->length++) text->bytes[text->length] = (char)next_random();
}

static const struct {
    const char *name;
    void (*write)(struct text *);
} kinds[] = {
    {"chat, 130 B", small_chat}, {"chat, 256 B", chat_256}, {"chat, 1 KiB", chat_1024}, {"market data, 400 B", market},
    {"HTML, 4 KiB", html},       {"JSON, 16 KiB", big_json}, {"random, 1 KiB", noise},
};

const int payload_kind_count = sizeof kinds / sizeof *kinds;

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) {
        fprintf(stderr, "no memory for the messages\n");
        exit(1);
    }
    return memory;
}

struct payloads *make_payloads(int kind) {
    enum { MOST = 8192, ENOUGH = 512 * 1024 };
    struct payloads *payloads = allocate(sizeof *payloads);
    struct text *text = allocate(sizeof *text);
    state = 1;
    payloads->name = kinds[kind].name;
    payloads->messages = allocate(MOST * sizeof *payloads->messages);
    payloads->count = 0;
    payloads->length = 0;
    while (payloads->length < ENOUGH && payloads->count < MOST) {
        text->length = 0;
        kinds[kind].write(text);
        struct message *message = &payloads->messages[payloads->count++];
        message->length = text->length;
        message->bytes = allocate(text->length);
        memcpy(message->bytes, text->bytes, text->length);
        payloads->length += text->length;
    }
    free(text);
    return payloads;
}

void free_payloads(struct payloads *payloads) {
    for (int i = 0; i < payloads->count; i++) free(payloads->messages[i].bytes);
    free(payloads->messages);
    free(payloads);
}
