#include "h2_connection.h"

#include <stdlib.h>
#include <string.h>

#include "h2_sending.h"
#include "process.h"

static void fail(struct h2_connection *connection, uint32_t code, const char *fault) {
    if (connection->fault == NULL) {
        connection->fault = fault;
        h2_goaway(connection, code);
    }
}

static void release_stream(struct h2_connection *connection, struct h2_stream *stream) {
    if (stream->owner != NULL) {
        connection->events->released(connection, stream);
    }
    h2_forget_waiting(connection, stream);
    if (connection->data_stream == stream) {
        connection->data_stream = NULL;
    }
    pending_free(&stream->held);
    free(stream);
}

static void remove_stream(struct h2_connection *connection, struct h2_stream *stream) {
    h2_streams_remove(&connection->streams, stream->id);
    release_stream(connection, stream);
}

void h2_remove_if_over(struct h2_connection *connection, struct h2_stream *stream) {
    if (stream->sent_end && stream->peer_ended) {
        remove_stream(connection, stream);
    }
}

static struct h2_stream *add_stream(struct h2_connection *connection, uint32_t id, void *owner) {
    struct h2_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        die("out of memory for a stream");
    }
    stream->id = id;
    stream->owner = owner;
    stream->send_window = connection->initial_window;
    stream->receive_window = H2_STREAM_WINDOW;
    h2_streams_add(&connection->streams, stream);
    return stream;
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
    struct h2_stream *stream = add_stream(connection, connection->next_id, owner);
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
    remove_stream(connection, stream);
}

void h2_goaway(struct h2_connection *connection, uint32_t code) {
    uint8_t payload[8];
    h2_write_u32(payload, connection->last_peer_id);
    h2_write_u32(payload + 4, code);
    h2_append_frame(connection, H2_GOAWAY, 0, 0, payload, sizeof payload);
}

void h2_release(struct h2_connection *connection) {
    for (uint32_t slot = 0; slot < connection->streams.capacity; slot++) {
        if (connection->streams.slots[slot] != NULL) {
            release_stream(connection, connection->streams.slots[slot]);
        }
    }
    free(connection->streams.slots);
    pending_free(&connection->out);
    nghttp2_hd_inflate_del(connection->inflater);
    *connection = (struct h2_connection){0};
}

static void end_from_peer(struct h2_connection *connection, struct h2_stream *stream) {
    stream->peer_ended = true;
    uint32_t id = stream->id;
    if (stream->owner != NULL) {
        connection->events->ended(connection, stream, false, H2_NO_ERROR);
    }
    stream = h2_streams_find(&connection->streams, id);
    if (stream != NULL) {
        h2_remove_if_over(connection, stream);
    }
}

static void end_field_section(struct h2_connection *connection) {
    uint32_t id = connection->fields_stream;
    connection->fields_stream = 0;
    struct h2_stream *stream = h2_streams_find(&connection->streams, id);
    if (stream == NULL) {
        if (!connection->is_server || id <= connection->last_peer_id) {
            return;  // the stream was reset from here while this was under way
        }
        if (id % 2 == 0 || connection->streams.count >= H2_STREAM_LIMIT) {
            fail(connection, H2_PROTOCOL_ERROR, "a request on an even stream, or on more streams than were allowed");
            return;
        }
        connection->last_peer_id = id;
        stream = add_stream(connection, id, NULL);
        connection->events->headers(connection, stream, &connection->fields);
    } else if (stream->owner != NULL && !connection->is_server) {
        connection->events->headers(connection, stream, &connection->fields);
    }
    stream = h2_streams_find(&connection->streams, id);
    if (stream != NULL && connection->fields_end_stream) {
        end_from_peer(connection, stream);
    }
}

static void read_fields(struct h2_connection *connection, const uint8_t *bytes, size_t count, bool last) {
    if (!h2_read_fields(connection->inflater, &connection->fields, bytes, count, last)) {
        fail(connection, H2_COMPRESSION_ERROR, "a field section is no valid HPACK");
    } else if (last) {
        end_field_section(connection);
    }
}

static void read_headers(struct h2_connection *connection, uint32_t id, uint8_t flags, const uint8_t *bytes,
                         size_t count) {
    size_t padding = 0;
    if ((flags & H2_PADDED) != 0 && count > 0) {
        padding = *bytes++;
        count--;
    }
    size_t priority = (flags & H2_PRIORITIZED) != 0 ? 5 : 0;
    if (id == 0 || padding + priority > count) {
        fail(connection, H2_PROTOCOL_ERROR, "HEADERS on stream 0, or with more padding than payload");
        return;
    }
    connection->fields = (struct h2_fields){0};
    connection->fields_stream = id;
    connection->fields_end_stream = (flags & H2_END_STREAM) != 0;
    read_fields(connection, bytes + priority, count - priority - padding, (flags & H2_END_HEADERS) != 0);
}

static void change_initial_window(struct h2_connection *connection, uint32_t window) {
    int64_t change = (int64_t)window - connection->initial_window;
    connection->initial_window = window;
    for (uint32_t slot = 0; slot < connection->streams.capacity; slot++) {
        if (connection->streams.slots[slot] != NULL) {
            connection->streams.slots[slot]->send_window += change;
        }
    }
    h2_send_waiting(connection);
}

static void read_settings(struct h2_connection *connection, uint8_t flags, const uint8_t *bytes, size_t count) {
    if ((flags & H2_ACK) != 0) {
        return;
    }
    if (count % 6 != 0) {
        fail(connection, H2_FRAME_SIZE_ERROR, "the length of SETTINGS is no multiple of six");
        return;
    }
    for (; count > 0; bytes += 6, count -= 6) {
        uint32_t value = h2_read_u32(bytes + 2);
        switch (bytes[0] << 8 | bytes[1]) {
        case H2_SETTINGS_MAX_CONCURRENT_STREAMS: connection->stream_limit = value; break;
        case H2_SETTINGS_INITIAL_WINDOW_SIZE: change_initial_window(connection, value); break;
        case H2_SETTINGS_MAX_FRAME_SIZE: connection->frame_limit = value; break;
        case H2_SETTINGS_ENABLE_CONNECT_PROTOCOL: connection->allows_connect_protocol = value == 1; break;
        default: break;
        }
    }
    h2_append_frame(connection, H2_SETTINGS, H2_ACK, 0, NULL, 0);
    if (!connection->settled) {
        connection->settled = true;
        connection->events->ready(connection);
    }
}

static void read_window_update(struct h2_connection *connection, uint32_t id, uint32_t increment) {
    struct h2_stream *stream = id == 0 ? NULL : h2_streams_find(&connection->streams, id);
    int64_t *window = id == 0 ? &connection->send_window : stream != NULL ? &stream->send_window : NULL;
    if (window == NULL) {
        return;
    }
    if (increment == 0 || *window + increment > H2_WINDOW_LIMIT) {
        fail(connection, H2_FLOW_CONTROL_ERROR, "WINDOW_UPDATE by nothing, or beyond 2^31-1");
        return;
    }
    *window += increment;
    if (stream == NULL) {
        h2_send_waiting(connection);
    } else if (stream->waits) {
        h2_send_held(connection, stream);
        h2_remove_if_over(connection, stream);
    }
}

static void read_reset(struct h2_connection *connection, uint32_t id, uint32_t code) {
    struct h2_stream *stream = h2_streams_find(&connection->streams, id);
    if (stream != NULL && stream->owner != NULL) {
        connection->events->ended(connection, stream, true, code);
        stream = h2_streams_find(&connection->streams, id);
    }
    if (stream != NULL) {
        remove_stream(connection, stream);
    }
}

/// Serves any frame but DATA, whole.
static void read_frame(struct h2_connection *connection, const uint8_t *frame, size_t count) {
    uint8_t type = frame[3], flags = frame[4];
    uint32_t id = h2_read_u32(frame + 5) & 0x7fffffff;
    const uint8_t *payload = frame + H2_HEADER_SIZE;
    if (connection->fields_stream != 0 && (type != H2_CONTINUATION || id != connection->fields_stream)) {
        fail(connection, H2_PROTOCOL_ERROR, "another frame inside a field section");
        return;
    }
    size_t wanted = type == H2_PING ? 8 : type == H2_RST_STREAM || type == H2_WINDOW_UPDATE ? 4 : count;
    if (count != wanted || (type == H2_GOAWAY && count < 8)) {
        fail(connection, H2_FRAME_SIZE_ERROR, "a frame has another length than its type has");
        return;
    }
    switch (type) {
    case H2_HEADERS: read_headers(connection, id, flags, payload, count); break;
    case H2_RST_STREAM: read_reset(connection, id, h2_read_u32(payload)); break;
    case H2_SETTINGS: read_settings(connection, flags, payload, count); break;
    case H2_WINDOW_UPDATE: read_window_update(connection, id, h2_read_u32(payload) & 0x7fffffff); break;
    case H2_PUSH_PROMISE: fail(connection, H2_PROTOCOL_ERROR, "a push, which was ruled out"); break;
    case H2_PING:
        if ((flags & H2_ACK) == 0) {
            h2_append_frame(connection, H2_PING, H2_ACK, 0, payload, count);
        }
        break;
    case H2_GOAWAY:
        connection->said_goaway = true;
        connection->goaway_code = h2_read_u32(payload + 4);
        break;
    case H2_CONTINUATION:
        if (connection->fields_stream == 0) {
            fail(connection, H2_PROTOCOL_ERROR, "CONTINUATION without a field section");
        } else {
            read_fields(connection, payload, count, (flags & H2_END_HEADERS) != 0);
        }
        break;
    default: break;  // PRIORITY, and what RFC 9113 §5.5 says to ignore
    }
}

static void end_data_frame(struct h2_connection *connection) {
    connection->reads_data = false;
    struct h2_stream *stream = connection->data_stream;
    connection->data_stream = NULL;
    if (stream != NULL && connection->data_ends_stream) {
        end_from_peer(connection, stream);
    }
}

static void begin_data_frame(struct h2_connection *connection, const uint8_t *header, uint32_t length) {
    struct h2_stream *stream = h2_streams_find(&connection->streams, h2_read_u32(header + 5) & 0x7fffffff);
    connection->receive_window -= length;
    if (stream != NULL) {
        stream->receive_window -= length;
    }
    if (connection->receive_window < 0 || (stream != NULL && stream->receive_window < 0)) {
        fail(connection, H2_FLOW_CONTROL_ERROR, "more DATA than the window allowed");
        return;
    }
    if (connection->fields_stream != 0 || (stream != NULL && stream->peer_ended)) {
        fail(connection, H2_PROTOCOL_ERROR, "DATA inside a field section, or behind END_STREAM");
        return;
    }
    connection->reads_data = true;
    connection->data_stream = stream;
    connection->data_left = length;
    connection->padding = 0;
    connection->pad_length_due = (header[4] & H2_PADDED) != 0;
    connection->data_ends_stream = (header[4] & H2_END_STREAM) != 0;
    if (length == 0) {
        end_data_frame(connection);
    }
}

/// Passes on what has come of a DATA frame. Returns the bytes taken.
static size_t read_data(struct h2_connection *connection, const uint8_t *bytes, size_t count) {
    size_t taken = connection->data_left < count ? connection->data_left : count;
    size_t content = taken;
    const uint8_t *start = bytes;
    if (connection->pad_length_due) {
        connection->pad_length_due = false;
        connection->padding = *bytes;
        if (connection->padding >= connection->data_left) {
            fail(connection, H2_PROTOCOL_ERROR, "DATA with more padding than payload");
            return taken;
        }
        start++;
        content--;
    }
    connection->data_left -= (uint32_t)taken;
    if (connection->data_left < connection->padding) {
        size_t padding = connection->padding - connection->data_left;
        content -= padding < content ? padding : content;
        connection->padding = connection->data_left;
    }
    h2_count_received(connection, taken);
    struct h2_stream *stream = connection->data_stream;
    if (stream != NULL) {
        stream->unreturned += (uint32_t)taken;
        if (stream->owner != NULL && content > 0) {
            connection->events->data(connection, stream, start, content);
        }
    }
    if (connection->data_left == 0) {
        // Nobody needs a window on a stream that has ended.
        if (!connection->data_ends_stream && connection->data_stream != NULL) {
            h2_return_window(connection, connection->data_stream);
        }
        end_data_frame(connection);
    } else if (connection->data_stream != NULL) {
        h2_return_window(connection, connection->data_stream);
    }
    return taken;
}

static uint32_t payload_length(const uint8_t *header) {
    return (uint32_t)header[0] << 16 | (uint32_t)header[1] << 8 | header[2];
}

/// Looks at a frame's header. Returns whether the frame is to be read whole.
static bool is_read_whole(struct h2_connection *connection, const uint8_t *header) {
    uint32_t length = payload_length(header);
    if (length > H2_FRAME_LIMIT) {
        fail(connection, H2_FRAME_SIZE_ERROR, "a frame over 16,384 bytes");
    } else if (!connection->settled && header[3] != H2_SETTINGS) {
        fail(connection, H2_PROTOCOL_ERROR, "the first frame is not SETTINGS");
    } else if (header[3] != H2_DATA) {
        return true;
    } else {
        begin_data_frame(connection, header, length);
    }
    return false;
}

/// Puts a frame together that came in pieces. Returns the bytes taken.
static size_t gather(struct h2_connection *connection, const uint8_t *bytes, size_t count) {
    uint8_t *frame = connection->gathered;
    size_t have = connection->gathered_count;
    size_t wanted = have < H2_HEADER_SIZE ? H2_HEADER_SIZE : H2_HEADER_SIZE + payload_length(frame);
    size_t step = wanted - have < count ? wanted - have : count;
    memcpy(frame + have, bytes, step);
    connection->gathered_count = have + step;
    if (have + step < H2_HEADER_SIZE) {
        return step;
    }
    if (have < H2_HEADER_SIZE) {
        if (!is_read_whole(connection, frame)) {
            connection->gathered_count = 0;
            return step;
        }
        wanted += payload_length(frame);
    }
    if (connection->gathered_count == wanted) {
        connection->gathered_count = 0;
        read_frame(connection, frame, wanted - H2_HEADER_SIZE);
    }
    return step;
}

bool h2_receive(struct h2_connection *connection, const uint8_t *bytes, size_t count) {
    const uint8_t *end = bytes + count;
    while (bytes < end && connection->fault == NULL) {
        size_t left = (size_t)(end - bytes);
        if (connection->reads_data) {
            bytes += read_data(connection, bytes, left);
        } else if (connection->gathered_count > 0 || left < H2_HEADER_SIZE) {
            bytes += gather(connection, bytes, left);
        } else if (!is_read_whole(connection, bytes)) {
            bytes += H2_HEADER_SIZE;
        } else if (left < H2_HEADER_SIZE + payload_length(bytes)) {
            bytes += gather(connection, bytes, left);
        } else {
            size_t size = payload_length(bytes);
            read_frame(connection, bytes, size);
            bytes += H2_HEADER_SIZE + size;
        }
    }
    return connection->fault == NULL;
}
