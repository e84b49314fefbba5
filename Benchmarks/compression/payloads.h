/* Messages such as applications send, the same in every run. */
#ifndef PAYLOADS_H
#define PAYLOADS_H

#include <stddef.h>

#define MESSAGES_PER_KIND 200

struct message {
    unsigned char *bytes;
    size_t length;
};

struct payloads {
    const char *name;
    struct message messages[MESSAGES_PER_KIND];
};

extern const int payload_kind_count;

/* The messages of one kind, 0 to payload_kind_count - 1. Ends the process when memory is short. */
struct payloads *make_payloads(int kind);
void free_payloads(struct payloads *payloads);
size_t total_length(const struct payloads *payloads);

#endif
