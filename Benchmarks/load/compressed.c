#include "compressed.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../wire/process.h"
#include "message.h"

enum { WINDOW_BITS = 12, MEMORY_LEVEL = 8, LEVEL = 6, TAIL = 4 };

/// Compresses one payload; the four bytes that every sync flush ends with are left out (RFC 7692 §7.2.1).
static struct compressed_message compress_payload(uint8_t *payload, uint64_t size) {
    z_stream stream = {.next_in = payload, .avail_in = (uInt)size};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        die("out of memory for a compressor");
    }
    size_t room = deflateBound(&stream, (uLong)size) + 16;
    struct compressed_message message = {.bytes = malloc(room)};
    if (message.bytes == NULL) {
        die("out of memory for compressed messages");
    }
    stream.next_out = message.bytes;
    stream.avail_out = (uInt)room;
    if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK || stream.avail_in > 0 || stream.total_out < TAIL) {
        die("zlib did not compress a message of %llu bytes", (unsigned long long)size);
    }
    message.size = stream.total_out - TAIL;
    deflateEnd(&stream);
    return message;
}

struct compressed_message *compress_messages(const uint8_t *pattern, uint64_t size) {
    struct compressed_message *messages = calloc(COMPRESSED_MESSAGES, sizeof *messages);
    uint8_t *payload = malloc(size + STAMP_SIZE);
    if (messages == NULL || payload == NULL) {
        die("out of memory for compressed messages");
    }
    for (uint64_t number = 0; number < COMPRESSED_MESSAGES; number++) {
        uint8_t stamp[STAMP_SIZE];
        stamp_message(stamp, 0, number);
        memcpy(payload, text_of(pattern, number), size);
        memcpy(payload, stamp, size < STAMP_SIZE ? size : STAMP_SIZE);
        messages[number] = compress_payload(payload, size);
    }
    free(payload);
    return messages;
}
