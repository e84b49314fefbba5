#include "echo.h"

// The Close that answers a violation is longer than the shortest header that can be one.
enum { VIOLATION_EXCESS = 2 };

size_t echo_room(const struct echo *echo, size_t count) {
    const struct frame_scanner *scanner = &echo->scanner;
    return scanner->in_payload && scanner->remaining >= count ? count
                                                              : count + scanner->header_count + VIOLATION_EXCESS;
}

/// Starts the answer to a frame whose header has just been read. Returns the size of what it wrote to `out`.
static size_t begin_frame(struct echo *echo, uint8_t *out) {
    const struct frame_scanner *scanner = &echo->scanner;
    bool control = opcode_is_control(scanner->opcode);
    bool valid = scanner->masked && scanner->reserved == 0 && opcode_is_known(scanner->opcode) &&
                 (!control || (scanner->fin && scanner->length <= FRAME_CONTROL_LIMIT));
    if (!valid) {
        echo->closes = echo->discards = true;
        size_t size = frame_write_header(out, FRAME_FIN | OPCODE_CLOSE, 2, NULL);
        out[size++] = 1002 >> 8;
        out[size++] = 1002 & 0xff;
        return size;
    }
    echo->discards = scanner->opcode == OPCODE_PONG;
    if (echo->discards) {
        return 0;
    }
    uint8_t opcode = scanner->opcode == OPCODE_PING ? OPCODE_PONG : scanner->opcode;
    return frame_write_header(out, (uint8_t)((scanner->fin ? FRAME_FIN : 0) | opcode), scanner->length, NULL);
}

size_t echo_bytes(struct echo *echo, const uint8_t *in, size_t count, uint8_t *out) {
    struct frame_scanner *scanner = &echo->scanner;
    const uint8_t *end = in + count;
    const uint8_t *start = out;
    while (!echo->closes) {
        if (!scanner->in_payload) {
            in += frame_scan_header(scanner, in, (size_t)(end - in));
            if (!scanner->in_payload) {
                break;
            }
            out += begin_frame(echo, out);
            continue;
        }
        uint64_t position = scanner->length - scanner->remaining;
        size_t taken = frame_take_payload(scanner, (size_t)(end - in));
        if (!echo->discards) {
            frame_mask(out, in, taken, scanner->key, position);
            out += taken;
        }
        in += taken;
        if (scanner->remaining > 0) {
            break;
        }
        echo->closes = scanner->opcode == OPCODE_CLOSE;
        frame_finish(scanner);
    }
    return (size_t)(out - start);
}
