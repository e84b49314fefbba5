// One HTTP/2 stream: its two windows and what waits for one; and the table in which a connection finds its streams.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pending.h"

struct h2_stream {
    uint32_t id;
    void *owner;             // NULL: nobody wants to hear of it any more
    int64_t send_window;     // may be negative after the peer's SETTINGS (RFC 9113 §6.9.2)
    int64_t receive_window;  // what the peer may still send
    uint32_t unreturned;     // received, and not given back by WINDOW_UPDATE
    struct pending held;     // waits for a window
    bool ends, sent_end;     // END_STREAM is due behind `held`; was sent
    bool peer_ended;
    bool waits;  // is in the list of those that hold something
    struct h2_stream *previous, *next;
};

/// Streams by their ids. Ids that follow each other never collide.
struct h2_streams {
    struct h2_stream **slots;
    uint32_t count, capacity;  // a power of two
};

struct h2_stream *h2_streams_find(const struct h2_streams *streams, uint32_t id);
void h2_streams_add(struct h2_streams *streams, struct h2_stream *stream);
void h2_streams_remove(struct h2_streams *streams, uint32_t id);
