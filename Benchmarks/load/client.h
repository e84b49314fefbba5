// One WebSocket client connection, from connect to the end of TCP.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../wire/frame.h"
#include "../wire/handshake.h"
#include "../wire/pending.h"
#include "options.h"
#include "transport.h"

struct load;

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_UPGRADING, CLIENT_OPEN, CLIENT_CLOSING };

struct client {
    uint32_t index;
    enum client_state state;
    struct transport transport;
    uint32_t interest;  // epoll events asked for
    uint64_t started;   // when connecting began, ns
    char accept[HANDSHAKE_ACCEPT_SIZE];
    char *response;
    size_t response_length;

    struct frame_scanner scanner;
    struct pending out;
    uint8_t control[FRAME_CONTROL_LIMIT];

    uint64_t sent, received;  // messages
    uint64_t sent_at[INFLIGHT_LIMIT];
    bool in_message, message_compressed;
    uint64_t message_position;
};

void client_start(struct load *load, struct client *client);

/// Serves the events epoll reported.
void client_serve(struct load *load, struct client *client, uint32_t events);

/// Sends the next message; `sent_at` is when its latency begins, ns.
void client_send_message(struct load *load, struct client *client, uint64_t sent_at);

/// Says Close 1000; the peer's Close ends the connection.
void client_send_close(struct load *load, struct client *client);

/// Ends TCP at once and tells the mode.
void client_drop(struct load *load, struct client *client);
