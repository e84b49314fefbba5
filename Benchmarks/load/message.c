#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/process.h"

static uint64_t shift(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void next_mask_key(uint8_t key[4]) {
    static uint64_t state = 0x9e3779b97f4a7c15u;
    uint64_t value = shift(&state);
    memcpy(key, &value, 4);
}

void stamp_message(uint8_t stamp[STAMP_SIZE], uint32_t connection, uint64_t number) {
    static const char digits[] = "0123456789abcdef";
    for (int index = 5; index >= 0; index--, connection >>= 4) {
        stamp[index] = (uint8_t)digits[connection & 15];
    }
    for (int index = STAMP_SIZE - 1; index >= 6; index--, number >>= 4) {
        stamp[index] = (uint8_t)digits[number & 15];
    }
}

bool message_matches(const uint8_t *text, uint64_t size, const uint8_t stamp[STAMP_SIZE], const uint8_t *bytes,
                     size_t count, uint64_t offset) {
    if (offset > size || count > size - offset) {
        return false;
    }
    if (offset < STAMP_SIZE) {
        size_t stamped = STAMP_SIZE - (size_t)offset;
        if (stamped > count) {
            stamped = count;
        }
        if (memcmp(bytes, stamp + offset, stamped) != 0) {
            return false;
        }
        bytes += stamped;
        count -= stamped;
        offset += stamped;
    }
    return count == 0 || memcmp(bytes, text + offset, count) == 0;
}

uint8_t *make_pattern(uint64_t size) {
    static const char *const names[] = {"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"};
    static const char *const words[] = {"hello", "where", "meeting", "moved", "to", "tomorrow", "thanks", "the",
                                        "build", "is", "green", "again", "see", "you", "there", "lunch"};
    size += VARIETY;
    uint8_t *pattern = malloc(size + 256);
    if (pattern == NULL) {
        die("out of memory for messages of %llu bytes", (unsigned long long)size);
    }
    uint64_t state = 0x2545f4914f6cdd1du;
    uint64_t filled = 0;
    while (filled < size) {
        char line[256];
        uint64_t value = shift(&state);
        int length = snprintf(line, sizeof line,
                              "{\"id\":%llu,\"from\":\"%s\",\"room\":\"lobby\",\"text\":\"%s %s %s %s\",\"seen\":%s}\n",
                              (unsigned long long)(value >> 44), names[value & 7], words[value >> 3 & 15],
                              words[value >> 7 & 15], words[value >> 11 & 15], words[value >> 15 & 15],
                              (value >> 19 & 1) != 0 ? "true" : "false");
        memcpy(pattern + filled, line, (size_t)length);
        filled += (uint64_t)length;
    }
    return pattern;
}
