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

/// Makes room for `count` more bytes behind those that wait, and gives its address: `pending_commit` keeps as many of
/// them as were written there. The address holds until the next call.
uint8_t *pending_reserve(struct pending *pending, size_t count);

static inline void pending_commit(struct pending *pending, size_t count) {
    pending->end += count;
}

/// Adds bytes behind those that wait.
void pending_append(struct pending *pending, const void *bytes, size_t count);

/// Drops bytes from the front once the socket has taken them.
void pending_drop(struct pending *pending, size_t count);

/// Gives the storage back.
void pending_free(struct pending *pending);
