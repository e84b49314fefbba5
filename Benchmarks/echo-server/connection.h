// A connection of the echo server: its socket, what waits to be written, and which protocol is spoken.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../wire/frame.h"
#include "../wire/h2_connection.h"
#include "../wire/pending.h"
#include "echo.h"

enum { CHUNK = 256 * 1024 };

enum protocol { PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

struct connection {
    bool in_use;
    enum protocol protocol;  // known once a WebSocket is open, or HTTP/2's magic has come
    bool closes_after;       // once everything pending is written
    bool waits_to_write;
    bool in_room;          // what one member says, all of them hear
    struct echo echo;
    struct pending out;
    struct pending spoken;  // of a member: frames, unmasked, of which the last may not be whole
    char *request;  // only during the opening handshake
    size_t request_length;
    struct h2_connection *http2;
};

extern int poller;
extern struct connection *connections;  // by descriptor

// An echo in the clear is written over the bytes it came from. It is shorter by the mask key, except where a header
// began in the read before: the headroom makes up for that.
extern uint8_t chunk[FRAME_HEADER_LIMIT + CHUNK];

void watch(int descriptor, uint32_t events, int operation);

void drop(int descriptor);

/// Writes what the socket takes and keeps the rest. Returns false when the connection is gone.
bool send_bytes(int descriptor, const uint8_t *bytes, size_t count);

/// Writes what is kept in `out`. Returns false when the connection is gone.
bool flush(int descriptor, struct pending *out);

/// Serves bytes read behind the headroom of `chunk`: those of a WebSocket, or of a request on HTTP/1.1.
void http1_echo(int descriptor, size_t count);
void http1_read_request(int descriptor, size_t count);

/// Takes a connection into the room, whose members hear each other.
void room_enter(int descriptor);

/// Serves bytes of a member, read behind the headroom of `chunk`.
void room_hear(int descriptor, size_t count);

/// Turns a connection over to HTTP/2, whose magic has come.
void http2_begin(int descriptor);

void http2_receive(int descriptor, const uint8_t *bytes, size_t count);
