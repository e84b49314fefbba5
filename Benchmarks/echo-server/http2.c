// WebSockets on the streams of an HTTP/2 connection (RFC 8441), with prior knowledge. What one read brings is answered
// by one write.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/process.h"
#include "connection.h"

static void ready(struct h2_connection *http2) {
    (void)http2;
}

static void headers(struct h2_connection *http2, struct h2_stream *stream, const struct h2_fields *fields) {
    bool accepts = strcmp(fields->method, "CONNECT") == 0 && strcmp(fields->protocol, "websocket") == 0;
    if (accepts) {
        stream->owner = calloc(1, sizeof(struct echo));
        if (stream->owner == NULL) {
            die("out of memory for a WebSocket");
        }
    }
    h2_answer(http2, stream, accepts);
}

static void data(struct h2_connection *http2, struct h2_stream *stream, const uint8_t *bytes, size_t count) {
    struct echo *echo = stream->owner;
    if (echo->closes) {
        return;
    }
    uint8_t *out = h2_begin_data(http2, stream, echo_room(echo, count));
    h2_end_data(http2, stream, echo_bytes(echo, bytes, count, out));
    if (echo->closes) {
        h2_end(http2, stream);
    }
}

static void ended(struct h2_connection *http2, struct h2_stream *stream, bool reset, uint32_t code) {
    (void)code;
    if (!reset) {
        h2_end(http2, stream);
    }
}

static void released(struct h2_connection *http2, struct h2_stream *stream) {
    (void)http2;
    free(stream->owner);
}

void http2_begin(int descriptor) {
    static const struct h2_events events = {ready, headers, data, ended, released};
    struct connection *connection = &connections[descriptor];
    connection->protocol = PROTOCOL_HTTP2;
    connection->http2 = malloc(sizeof *connection->http2);
    if (connection->http2 == NULL) {
        die("out of memory for a connection");
    }
    h2_start(connection->http2, &events, true, NULL);
}

void http2_receive(int descriptor, const uint8_t *bytes, size_t count) {
    struct connection *connection = &connections[descriptor];
    if (!h2_receive(connection->http2, bytes, count)) {
        fprintf(stderr, "echo-server: HTTP/2: %s\n", connection->http2->fault);
        connection->closes_after = true;
    }
    if (!connection->waits_to_write) {
        flush(descriptor, &connection->http2->out);
    }
}
