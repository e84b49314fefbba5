// One HTTP/2 connection (RFC 9113) that carries WebSockets (RFC 8441), for both ends: bytes read go in, bytes to write
// gather in `out`. DATA streams through; nothing is allocated for a message.
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "h2_fields.h"
#include "h2_frame.h"
#include "h2_stream.h"
#include "pending.h"

enum {
    H2_STREAM_WINDOW = 256 * 1024,
    H2_CONNECTION_WINDOW = 16 * 1024 * 1024,
    H2_STREAM_LIMIT = 10000,  // streams a client may have open
};

struct h2_connection;

/// What the owner of a connection is told. It may end or reset any stream from within, but not release the connection.
struct h2_events {
    /// The peer's first SETTINGS are known.
    void (*ready)(struct h2_connection *connection);
    /// A request (to a server, whose stream has no owner yet) or the answer to one.
    void (*headers)(struct h2_connection *connection, struct h2_stream *stream, const struct h2_fields *fields);
    /// A part of a DATA frame.
    void (*data)(struct h2_connection *connection, struct h2_stream *stream, const uint8_t *bytes, size_t count);
    /// The peer sent END_STREAM (`reset` false), or RST_STREAM with this code.
    void (*ended)(struct h2_connection *connection, struct h2_stream *stream, bool reset, uint32_t code);
    /// The stream is about to go; its owner is still set.
    void (*released)(struct h2_connection *connection, struct h2_stream *stream);
};

struct h2_connection {
    const struct h2_events *events;
    void *owner;
    bool is_server;
    /// A server's echo: only what has left again is given back to the sender's window, so a stream holds no more.
    bool returns_what_left;

    struct pending out;
    const char *fault;  // why the connection cannot go on; GOAWAY is in `out`
    nghttp2_hd_inflater *inflater;
    struct h2_streams streams;
    struct h2_stream *waiting;  // those that hold something
    uint32_t next_id, last_peer_id;

    // What the peer said.
    bool settled, allows_connect_protocol, said_goaway;
    uint32_t goaway_code, stream_limit, frame_limit;
    int64_t initial_window, send_window;

    // What is being read.
    int64_t receive_window;
    uint32_t unreturned;
    uint8_t gathered[H2_HEADER_SIZE + H2_FRAME_LIMIT];
    size_t gathered_count;
    struct h2_stream *data_stream;  // NULL: of a stream that is gone
    uint32_t data_left, padding;    // of the DATA frame that is being read, padding included
    bool reads_data, pad_length_due, data_ends_stream;
    uint32_t fields_stream;  // whose field section goes on in CONTINUATION; 0: none
    bool fields_end_stream;
    struct h2_fields fields;

    bool writes_directly;  // between `h2_begin_data` and `h2_end_data`
};

/// Writes the connection preface (a client's with its magic). The server's owner has read the client's magic.
void h2_start(struct h2_connection *connection, const struct h2_events *events, bool is_server, void *owner);

/// Takes bytes read. Returns false once there is a `fault`.
bool h2_receive(struct h2_connection *connection, const uint8_t *bytes, size_t count);

/// Opens a stream; what `h2_write_field` made is its field section.
struct h2_stream *h2_open(struct h2_connection *connection, const uint8_t *fields, size_t count, void *owner);

/// Answers a request: 200, or 400 and the end of the stream.
void h2_answer(struct h2_connection *connection, struct h2_stream *stream, bool accepts);

/// Room for up to `most` bytes on a stream, in place where the windows allow; `h2_end_data` sends what was written.
uint8_t *h2_begin_data(struct h2_connection *connection, struct h2_stream *stream, size_t most);
void h2_end_data(struct h2_connection *connection, struct h2_stream *stream, size_t count);

/// Ends this side of a stream once everything is sent. The stream may be gone when this returns.
void h2_end(struct h2_connection *connection, struct h2_stream *stream);

/// Ends a stream at once; it is gone when this returns.
void h2_reset(struct h2_connection *connection, struct h2_stream *stream, uint32_t code);

void h2_goaway(struct h2_connection *connection, uint32_t code);

/// Releases the streams and all memory.
void h2_release(struct h2_connection *connection);
