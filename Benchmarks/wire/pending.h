// Bytes a socket did not take yet. The storage is kept when it empties, so a warm connection never allocates.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pending {
    uint8_t *bytes;
    size_t start, end, capacity;
};

static inline size_t pending_count(const struct pending *pending) {
    return pending->end - pending->start;
}

static inline const uint8_t *pending_front(const struct pending *pending) {
    return pending->bytes + pending->start;
}

/// Adds bytes behind those that wait.
void pending_append(struct pending *pending, const void *bytes, size_t count);

/// Drops bytes from the front once the socket has taken them.
void pending_drop(struct pending *pending, size_t count);

/// Gives the storage back.
void pending_free(struct pending *pending);
