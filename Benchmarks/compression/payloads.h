/* Messages such as applications send, the same in every run. */
#ifndef PAYLOADS_H
#define PAYLOADS_H

#include <stddef.h>

struct message {
    unsigned char *bytes;
    size_t length;
};

/* So many that they don't come round again within any window: 512 KiB of them. */
struct payloads {
    const char *name;
    struct message *messages;
    int count;
    size_t length;
};

extern const int payload_kind_count;

/* The messages of one kind, 0 to payload_kind_count - 1. Ends the process when memory is short. */
struct payloads *make_payloads(int kind);
void free_payloads(struct payloads *payloads);

#endif
