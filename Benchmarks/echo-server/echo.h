// The echo of one WebSocket. Frames stream through: each header is written back without a mask, its payload is
// unmasked. Nothing is gathered, so fragmentation and length cost no memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../wire/frame.h"

struct echo {
    struct frame_scanner scanner;
    bool discards;  // the frame being read is not echoed (a Pong)
    bool closes;    // a Close was echoed or sent: nothing comes after it
};

/// Writes the echo of `count` bytes to `out`, which holds `echo_room` bytes and may lie `FRAME_HEADER_LIMIT` before
/// `in`. Returns the bytes written.
size_t echo_bytes(struct echo *echo, const uint8_t *in, size_t count, uint8_t *out);

/// The most bytes that an echo of `count` bytes can have.
size_t echo_room(const struct echo *echo, size_t count);
