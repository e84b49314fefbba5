#include "pending.h"

#include <stdlib.h>
#include <string.h>

#include "process.h"

uint8_t *pending_reserve(struct pending *pending, size_t count) {
    if (pending->end + count > pending->capacity && pending->start > 0) {
        memmove(pending->bytes, pending->bytes + pending->start, pending_count(pending));
        pending->end -= pending->start;
        pending->start = 0;
    }
    if (pending->end + count > pending->capacity) {
        size_t capacity = pending->capacity < 512 ? 512 : pending->capacity;
        while (capacity < pending->end + count) {
            capacity *= 2;
        }
        uint8_t *grown = realloc(pending->bytes, capacity);
        if (grown == NULL) {
            die("out of memory: %zu bytes wait for one socket", capacity);
        }
        pending->bytes = grown;
        pending->capacity = capacity;
    }
    return pending->bytes + pending->end;
}

void pending_append(struct pending *pending, const void *bytes, size_t count) {
    if (count > 0) {
        memcpy(pending_reserve(pending, count), bytes, count);
        pending_commit(pending, count);
    }
}

void pending_drop(struct pending *pending, size_t count) {
    pending->start += count;
    if (pending->start == pending->end) {
        pending->start = pending->end = 0;
    }
}

void pending_free(struct pending *pending) {
    free(pending->bytes);
    *pending = (struct pending){0};
}
