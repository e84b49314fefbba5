// What each type of frame does, DATA apart.
#include "h2_parts.h"

static void end_field_section(struct h2_connection *connection) {
    uint32_t id = connection->fields_stream;
    connection->fields_stream = 0;
    struct h2_stream *stream = h2_streams_find(&connection->streams, id);
    if (stream == NULL) {
        if (!connection->is_server || id <= connection->last_peer_id) {
            return;  // the stream was reset from here while this was under way
        }
        if (id % 2 == 0 || connection->streams.count >= H2_STREAM_LIMIT) {
            h2_fail(connection, H2_PROTOCOL_ERROR, "a request on an even stream, or on more streams than were allowed");
            return;
        }
        connection->last_peer_id = id;
        stream = h2_add_stream(connection, id, NULL);
        connection->events->headers(connection, stream, &connection->fields);
    } else if (stream->owner != NULL && !connection->is_server) {
        connection->events->headers(connection, stream, &connection->fields);
    }
    stream = h2_streams_find(&connection->streams, id);
    if (stream != NULL && connection->fields_end_stream) {
        h2_end_from_peer(connection, stream);
    }
}

static void read_fields(struct h2_connection *connection, const uint8_t *bytes, size_t count, bool last) {
    if (!h2_read_fields(connection->inflater, &connection->fields, bytes, count, last)) {
        h2_fail(connection, H2_COMPRESSION_ERROR, "a field section is no valid HPACK");
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
        h2_fail(connection, H2_PROTOCOL_ERROR, "HEADERS on stream 0, or with more padding than payload");
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
        h2_fail(connection, H2_FRAME_SIZE_ERROR, "the length of SETTINGS is no multiple of six");
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
        h2_fail(connection, H2_FLOW_CONTROL_ERROR, "WINDOW_UPDATE by nothing, or beyond 2^31-1");
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
        h2_remove_stream(connection, stream);
    }
}

void h2_read_frame(struct h2_connection *connection, const uint8_t *frame, size_t count) {
    uint8_t type = frame[3], flags = frame[4];
    uint32_t id = h2_read_u32(frame + 5) & 0x7fffffff;
    const uint8_t *payload = frame + H2_HEADER_SIZE;
    if (connection->fields_stream != 0 && (type != H2_CONTINUATION || id != connection->fields_stream)) {
        h2_fail(connection, H2_PROTOCOL_ERROR, "another frame inside a field section");
        return;
    }
    size_t wanted = type == H2_PING ? 8 : type == H2_RST_STREAM || type == H2_WINDOW_UPDATE ? 4 : count;
    if (count != wanted || (type == H2_GOAWAY && count < 8)) {
        h2_fail(connection, H2_FRAME_SIZE_ERROR, "a frame has another length than its type has");
        return;
    }
    switch (type) {
    case H2_HEADERS: read_headers(connection, id, flags, payload, count); break;
    case H2_RST_STREAM: read_reset(connection, id, h2_read_u32(payload)); break;
    case H2_SETTINGS: read_settings(connection, flags, payload, count); break;
    case H2_WINDOW_UPDATE: read_window_update(connection, id, h2_read_u32(payload) & 0x7fffffff); break;
    case H2_PUSH_PROMISE: h2_fail(connection, H2_PROTOCOL_ERROR, "a push, which was ruled out"); break;
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
            h2_fail(connection, H2_PROTOCOL_ERROR, "CONTINUATION without a field section");
        } else {
            read_fields(connection, payload, count, (flags & H2_END_HEADERS) != 0);
        }
        break;
    default: break;  // PRIORITY, and what RFC 9113 §5.5 says to ignore
    }
}
