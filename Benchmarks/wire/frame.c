#include "frame.h"

#include <string.h>

static size_t header_size(const struct frame_scanner *scanner) {
    uint8_t second = scanner->header[1];
    size_t size = 2;
    if ((second & 0x7f) == 126) {
        size += 2;
    } else if ((second & 0x7f) == 127) {
        size += 8;
    }
    return size + ((second & 0x80) != 0 ? 4 : 0);
}

static void decode_header(struct frame_scanner *scanner) {
    const uint8_t *header = scanner->header;
    scanner->fin = (header[0] & FRAME_FIN) != 0;
    scanner->reserved = (header[0] >> 4) & 7;
    scanner->opcode = header[0] & 0x0f;
    scanner->masked = (header[1] & 0x80) != 0;
    uint64_t length = header[1] & 0x7f;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (extended > 0) {
        length = 0;
        for (size_t index = 0; index < extended; index++) {
            length = length << 8 | header[2 + index];
        }
    }
    if (scanner->masked) {
        memcpy(scanner->key, header + 2 + extended, 4);
    }
    scanner->length = scanner->remaining = length;
    scanner->in_payload = true;
}

size_t frame_scan_header(struct frame_scanner *scanner, const uint8_t *bytes, size_t count) {
    size_t taken = 0;
    while (!scanner->in_payload) {
        size_t wanted = scanner->header_count < 2 ? 2 : header_size(scanner);
        if (scanner->header_count >= 2 && scanner->header_count == wanted) {
            decode_header(scanner);
            break;
        }
        size_t step = wanted - scanner->header_count;
        if (step > count - taken) {
            step = count - taken;
        }
        if (step == 0) {
            break;
        }
        memcpy(scanner->header + scanner->header_count, bytes + taken, step);
        scanner->header_count += (uint8_t)step;
        taken += step;
    }
    return taken;
}

size_t frame_take_payload(struct frame_scanner *scanner, size_t count) {
    size_t taken = scanner->remaining < count ? (size_t)scanner->remaining : count;
    scanner->remaining -= taken;
    return taken;
}

size_t frame_write_header(uint8_t *out, uint8_t first, uint64_t length, const uint8_t *key) {
    size_t extended = length < 126 ? 0 : length <= 0xffff ? 2 : 8;
    out[0] = first;
    out[1] = (uint8_t)(extended == 0 ? length : extended == 2 ? 126 : 127);
    for (size_t index = 0; index < extended; index++) {
        out[2 + index] = (uint8_t)(length >> (8 * (extended - 1 - index)));
    }
    size_t size = 2 + extended;
    if (key != NULL) {
        out[1] |= 0x80;
        memcpy(out + size, key, 4);
        size += 4;
    }
    return size;
}

void frame_mask(uint8_t *out, const uint8_t *in, size_t count, const uint8_t key[4], uint64_t position) {
    uint8_t turned[8];
    for (size_t index = 0; index < 8; index++) {
        turned[index] = key[(position + index) & 3];
    }
    uint64_t wide;
    memcpy(&wide, turned, 8);
    size_t index = 0;
    for (; index + 8 <= count; index += 8) {
        uint64_t word;
        memcpy(&word, in + index, 8);
        word ^= wide;
        memcpy(out + index, &word, 8);
    }
    for (; index < count; index++) {
        out[index] = in[index] ^ turned[index & 7];
    }
}
