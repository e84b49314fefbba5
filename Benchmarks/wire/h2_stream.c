#include "h2_stream.h"

#include <stdlib.h>

#include "process.h"

// Clients' ids are odd. Slots are probed one after another, and removing closes the gap, so there are no tombstones.
static uint32_t home(const struct h2_streams *streams, uint32_t id) {
    return (id >> 1) & (streams->capacity - 1);
}

static uint32_t after(const struct h2_streams *streams, uint32_t slot) {
    return (slot + 1) & (streams->capacity - 1);
}

struct h2_stream *h2_streams_find(const struct h2_streams *streams, uint32_t id) {
    if (streams->capacity == 0) {
        return NULL;
    }
    for (uint32_t slot = home(streams, id); streams->slots[slot] != NULL; slot = after(streams, slot)) {
        if (streams->slots[slot]->id == id) {
            return streams->slots[slot];
        }
    }
    return NULL;
}

static void place(struct h2_streams *streams, struct h2_stream *stream) {
    uint32_t slot = home(streams, stream->id);
    while (streams->slots[slot] != NULL) {
        slot = after(streams, slot);
    }
    streams->slots[slot] = stream;
}

static void grow(struct h2_streams *streams) {
    uint32_t capacity = streams->capacity == 0 ? 64 : 2 * streams->capacity;
    struct h2_streams grown = {.count = streams->count, .capacity = capacity};
    grown.slots = calloc(grown.capacity, sizeof *grown.slots);
    if (grown.slots == NULL) {
        die("out of memory for %u streams", grown.capacity);
    }
    for (uint32_t slot = 0; slot < streams->capacity; slot++) {
        if (streams->slots[slot] != NULL) {
            place(&grown, streams->slots[slot]);
        }
    }
    free(streams->slots);
    *streams = grown;
}

void h2_streams_add(struct h2_streams *streams, struct h2_stream *stream) {
    if (2 * (streams->count + 1) > streams->capacity) {
        grow(streams);
    }
    place(streams, stream);
    streams->count++;
}

void h2_streams_remove(struct h2_streams *streams, uint32_t id) {
    uint32_t gap = home(streams, id);
    while (streams->slots[gap]->id != id) {
        gap = after(streams, gap);
    }
    streams->count--;
    streams->slots[gap] = NULL;
    for (uint32_t slot = after(streams, gap); streams->slots[slot] != NULL; slot = after(streams, slot)) {
        uint32_t wanted = home(streams, streams->slots[slot]->id);
        uint32_t mask = streams->capacity - 1;
        if (((slot - wanted) & mask) >= ((slot - gap) & mask)) {
            streams->slots[gap] = streams->slots[slot];
            streams->slots[slot] = NULL;
            gap = slot;
        }
    }
}
