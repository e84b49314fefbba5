// One WebSocket client, from opening to closing; what it travels on is its carrier's matter.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../wire/frame.h"
#include "../wire/h2_stream.h"
#include "../wire/handshake.h"
#include "../wire/pending.h"
#include "failure.h"
#include "options.h"
#include "transport.h"

struct load;

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_UPGRADING, CLIENT_OPEN, CLIENT_CLOSING };

struct client {
    uint32_t index;
    enum client_state state;
    uint64_t started;  // when connecting began, ns
    uint64_t size;     // payload bytes of its messages
    bool is_bulk;      // counted apart from the others

    // On a connection of its own.
    struct transport transport;
    uint32_t interest;  // epoll events asked for
    char accept[HANDSHAKE_ACCEPT_SIZE];
    char *response;
    size_t response_length;
    struct pending out;

    struct h2_stream *stream;  // on a shared one

    struct frame_scanner scanner;
    uint8_t control[FRAME_CONTROL_LIMIT];

    uint32_t speaker;         // whose messages it gets: its own, or those of the first in a room
    uint64_t sent, received;  // messages
    uint64_t sent_at[INFLIGHT_LIMIT];
    bool in_message, message_compressed;
    uint64_t message_position;
};

void client_start(struct load *load, struct client *client);

/// Sends the next message; `sent_at` is when its latency begins, ns.
void client_send_message(struct load *load, struct client *client, uint64_t sent_at);

/// Says Close 1000; the peer's Close ends the WebSocket.
void client_send_close(struct load *load, struct client *client);

/// Ends it at once and tells the mode.
void client_drop(struct load *load, struct client *client);

// For carriers.

/// The opening handshake is through; `extensions` is what was agreed on, of `length` bytes.
void client_opened(struct load *load, struct client *client, const char *extensions, size_t length);

/// Takes bytes of frames.
void client_receive(struct load *load, struct client *client, const uint8_t *bytes, size_t count);

/// The peer ended what the client travels on, or it broke: a failure unless the client is closing.
void client_lost(struct load *load, struct client *client, const char *what);

/// Counts a failure and drops the client.
void client_fail(struct load *load, struct client *client, enum failure failure, const char *what);
