// Bytes into frames: DATA streams through, all others are read whole.
#include <string.h>

#include "h2_parts.h"

static void end_data_frame(struct h2_connection *connection) {
    connection->reads_data = false;
    struct h2_stream *stream = connection->data_stream;
    connection->data_stream = NULL;
    if (stream != NULL && connection->data_ends_stream) {
        h2_end_from_peer(connection, stream);
    }
}

static void begin_data_frame(struct h2_connection *connection, const uint8_t *header, uint32_t length) {
    struct h2_stream *stream = h2_streams_find(&connection->streams, h2_read_u32(header + 5) & 0x7fffffff);
    connection->receive_window -= length;
    if (stream != NULL) {
        stream->receive_window -= length;
    }
    if (connection->receive_window < 0 || (stream != NULL && stream->receive_window < 0)) {
        h2_fail(connection, H2_FLOW_CONTROL_ERROR, "more DATA than the window allowed");
        return;
    }
    if (connection->fields_stream != 0 || (stream != NULL && stream->peer_ended)) {
        h2_fail(connection, H2_PROTOCOL_ERROR, "DATA inside a field section, or behind END_STREAM");
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
            h2_fail(connection, H2_PROTOCOL_ERROR, "DATA with more padding than payload");
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
        h2_fail(connection, H2_FRAME_SIZE_ERROR, "a frame over 16,384 bytes");
    } else if (!connection->settled && header[3] != H2_SETTINGS) {
        h2_fail(connection, H2_PROTOCOL_ERROR, "the first frame is not SETTINGS");
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
        h2_read_frame(connection, frame, wanted - H2_HEADER_SIZE);
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
            h2_read_frame(connection, bytes, size);
            bytes += H2_HEADER_SIZE + size;
        }
    }
    return connection->fault == NULL;
}
