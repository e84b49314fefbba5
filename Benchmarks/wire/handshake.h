// RFC 6455 §4 opening handshakes: the pieces both ends need.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    HANDSHAKE_LIMIT = 16384,  // bytes of a request or response head
    HANDSHAKE_ACCEPT_SIZE = 29,  // Sec-WebSocket-Accept with its NUL
};

/// Computes the `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (§4.2.2).
void handshake_accept(const char *key, size_t key_length, char accept[HANDSHAKE_ACCEPT_SIZE]);

/// Finds a field's value in a NUL-terminated head, without the space around it; NULL when there is none.
const char *handshake_field(const char *head, const char *name, size_t *length);

/// Whether a field holds a token, compared without case ("Connection: keep-alive, Upgrade").
bool handshake_field_has_token(const char *head, const char *name, const char *token);
