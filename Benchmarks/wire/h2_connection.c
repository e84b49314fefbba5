#include "h2_connection.h"

#include "h2_parts.h"
#include "process.h"

void h2_fail(struct h2_connection *connection, uint32_t code, const char *fault) {
    if (connection->fault == NULL) {
        connection->fault = fault;
        h2_goaway(connection, code);
    }
}

void h2_start(struct h2_connection *connection, const struct h2_events *events, bool is_server, void *owner) {
    *connection = (struct h2_connection){
        .events = events,
        .owner = owner,
        .is_server = is_server,
        .returns_what_left = is_server,
        .next_id = 1,
        .stream_limit = UINT32_MAX,
        .frame_limit = H2_FRAME_LIMIT,
        .initial_window = H2_DEFAULT_WINDOW,
        .send_window = H2_DEFAULT_WINDOW,
        .receive_window = H2_CONNECTION_WINDOW,
    };
    if (nghttp2_hd_inflate_new(&connection->inflater) != 0) {
        die("out of memory for HPACK");
    }
    if (!is_server) {
        pending_append(&connection->out, H2_PREFACE, H2_PREFACE_SIZE);
    }
    const uint32_t settings[][2] = {
        {H2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {is_server ? H2_SETTINGS_ENABLE_CONNECT_PROTOCOL : H2_SETTINGS_ENABLE_PUSH, is_server},
        {H2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAM_LIMIT},
    };
    size_t count = is_server ? 3 : 2;
    uint8_t payload[18];
    for (size_t index = 0; index < count; index++) {
        payload[6 * index] = 0;
        payload[6 * index + 1] = (uint8_t)settings[index][0];
        h2_write_u32(payload + 6 * index + 2, settings[index][1]);
    }
    h2_append_frame(connection, H2_SETTINGS, 0, 0, payload, 6 * count);
    h2_append_number(connection, H2_WINDOW_UPDATE, 0, H2_CONNECTION_WINDOW - H2_DEFAULT_WINDOW);
}

struct h2_stream *h2_open(struct h2_connection *connection, const uint8_t *fields, size_t count, void *owner) {
    struct h2_stream *stream = h2_add_stream(connection, connection->next_id, owner);
    connection->next_id += 2;
    h2_append_frame(connection, H2_HEADERS, H2_END_HEADERS, stream->id, fields, count);
    return stream;
}

void h2_answer(struct h2_connection *connection, struct h2_stream *stream, bool accepts) {
    static const uint8_t ok = 0x88, bad_request = 0x8c;  // RFC 7541, appendix A
    uint8_t flags = H2_END_HEADERS | (accepts ? 0 : H2_END_STREAM);
    h2_append_frame(connection, H2_HEADERS, flags, stream->id, accepts ? &ok : &bad_request, 1);
    if (!accepts) {
        h2_reset(connection, stream, H2_NO_ERROR);
    }
}

void h2_end(struct h2_connection *connection, struct h2_stream *stream) {
    if (!stream->ends) {
        stream->ends = true;
        h2_send_held(connection, stream);
    }
    h2_remove_if_over(connection, stream);
}

void h2_reset(struct h2_connection *connection, struct h2_stream *stream, uint32_t code) {
    h2_append_number(connection, H2_RST_STREAM, stream->id, code);
    h2_remove_stream(connection, stream);
}

void h2_goaway(struct h2_connection *connection, uint32_t code) {
    uint8_t payload[8];
    h2_write_u32(payload, connection->last_peer_id);
    h2_write_u32(payload + 4, code);
    h2_append_frame(connection, H2_GOAWAY, 0, 0, payload, sizeof payload);
}

void h2_release(struct h2_connection *connection) {
    h2_remove_all_streams(connection);
    pending_free(&connection->out);
    nghttp2_hd_inflate_del(connection->inflater);
    *connection = (struct h2_connection){0};
}
