// Messages that are compressed beforehand (RFC 7692): the load generator's own compressor would cost more than the rest
// of it.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { COMPRESSED_MESSAGES = 61 };  // a prime: connections go through them without a common beat

/// One of them. It refers to nothing before it, so it is valid at any place of any connection.
struct compressed_message {
    uint8_t *bytes;
    size_t size;
};

/// Compresses `COMPRESSED_MESSAGES` messages of `size` bytes with a window of 4 KiB, level 6.
struct compressed_message *compress_messages(const uint8_t *pattern, uint64_t size);
