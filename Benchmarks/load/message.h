// Messages and their check: every payload is the same text with a stamp of connection and number in front.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STAMP_SIZE = 16,
    VARIETY = 65536,  // bytes by which the text is longer than a payload: each message is cut from another place
};

/// Writes 16 hexadecimal digits: 6 of the connection, 10 of the message's number on it.
void stamp_message(uint8_t stamp[STAMP_SIZE], uint32_t connection, uint64_t number);

/// The text that a message is cut from, by its number on its connection.
static inline const uint8_t *text_of(const uint8_t *pattern, uint64_t number) {
    return pattern + number * 4099 % VARIETY;
}

/// Whether payload bytes at an offset are those the message was sent with.
bool message_matches(const uint8_t *text, uint64_t size, const uint8_t stamp[STAMP_SIZE], const uint8_t *bytes,
                     size_t count, uint64_t offset);

/// A mask key, another one each time (xorshift: unpredictable enough for a benchmark, and free).
void next_mask_key(uint8_t key[4]);

/// Makes the text that payloads of at most `size` bytes are cut from: lines of JSON, which compress like chat traffic
/// does.
uint8_t *make_pattern(uint64_t size);
