// Messages and their check: every payload is the same text with a stamp of connection and number in front.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAMP_SIZE = 16 };

/// Writes 16 hexadecimal digits: 6 of the connection, 10 of the message's number on it.
void stamp_message(uint8_t stamp[STAMP_SIZE], uint32_t connection, uint64_t number);

/// Whether payload bytes at an offset are those the message was sent with.
bool message_matches(const uint8_t *pattern, uint64_t size, const uint8_t stamp[STAMP_SIZE], const uint8_t *bytes,
                     size_t count, uint64_t offset);

/// A mask key, another one each time (xorshift: unpredictable enough for a benchmark, and free).
void next_mask_key(uint8_t key[4]);

/// Makes the text every payload is cut from: lines of JSON, which compress like chat traffic does.
uint8_t *make_pattern(uint64_t size);
