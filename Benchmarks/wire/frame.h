// RFC 6455 §5.2 frames: a header scanner that takes bytes as they come, a header writer, the mask.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opcode {
    OPCODE_CONTINUATION = 0x0,
    OPCODE_TEXT = 0x1,
    OPCODE_BINARY = 0x2,
    OPCODE_CLOSE = 0x8,
    OPCODE_PING = 0x9,
    OPCODE_PONG = 0xa,
};

enum {
    FRAME_FIN = 0x80,
    FRAME_COMPRESSED = 0x40,  // RSV1 of a message's first frame (RFC 7692 §6)
    FRAME_HEADER_LIMIT = 14,
    FRAME_CONTROL_LIMIT = 125,
};

/// Where a stream of frames stands: inside a header (`in_payload` false) or inside a payload.
struct frame_scanner {
    uint8_t header[FRAME_HEADER_LIMIT];
    uint8_t header_count;
    bool in_payload;

    // Valid while `in_payload`.
    bool fin, masked;
    uint8_t reserved;  // RSV1 is 4, RSV2 is 2, RSV3 is 1
    uint8_t opcode;
    uint8_t key[4];
    uint64_t length;     // of the whole payload
    uint64_t remaining;  // payload bytes still to come
};

/// Takes header bytes; `in_payload` turns true once the header is whole. Returns the bytes consumed.
size_t frame_scan_header(struct frame_scanner *scanner, const uint8_t *bytes, size_t count);

/// Counts payload bytes as taken, at most `count`; returns how many belong to this frame.
size_t frame_take_payload(struct frame_scanner *scanner, size_t count);

/// Makes ready for the next frame's header.
static inline void frame_finish(struct frame_scanner *scanner) {
    scanner->in_payload = false;
    scanner->header_count = 0;
}

static inline bool opcode_is_known(uint8_t opcode) {
    return opcode <= OPCODE_BINARY || (opcode >= OPCODE_CLOSE && opcode <= OPCODE_PONG);
}

static inline bool opcode_is_control(uint8_t opcode) {
    return opcode >= OPCODE_CLOSE;
}

/// Writes a header whose first byte (FIN, RSV bits, opcode) is given; `key` NULL means not masked. Returns its size.
size_t frame_write_header(uint8_t *out, uint8_t first, uint64_t length, const uint8_t *key);

/// Masks or unmasks (§5.3) the payload bytes that begin at offset `position` of their frame.
/// `out` may be `in`, or lie before it: bytes are read before they are overwritten.
void frame_mask(uint8_t *out, const uint8_t *in, size_t count, const uint8_t key[4], uint64_t position);
