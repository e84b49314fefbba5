// Frames to be written, and DATA as far as the windows allow.
#include "h2_parts.h"

void h2_append_frame(struct h2_connection *connection, uint8_t type, uint8_t flags, uint32_t stream,
                     const uint8_t *payload, size_t count) {
    uint8_t header[H2_HEADER_SIZE];
    h2_write_header(header, count, type, flags, stream);
    pending_append(&connection->out, header, sizeof header);
    pending_append(&connection->out, payload, count);
}

void h2_append_number(struct h2_connection *connection, uint8_t type, uint32_t stream, uint32_t number) {
    uint8_t payload[4];
    h2_write_u32(payload, number);
    h2_append_frame(connection, type, 0, stream, payload, sizeof payload);
}

static void count_sent(struct h2_connection *connection, struct h2_stream *stream, size_t count) {
    connection->send_window -= (int64_t)count;
    stream->send_window -= (int64_t)count;
}

uint8_t *h2_begin_data(struct h2_connection *connection, struct h2_stream *stream, size_t most) {
    connection->writes_directly = pending_count(&stream->held) == 0 && most <= connection->frame_limit &&
                                  (int64_t)most <= connection->send_window && (int64_t)most <= stream->send_window;
    if (connection->writes_directly) {
        return pending_reserve(&connection->out, H2_HEADER_SIZE + most) + H2_HEADER_SIZE;
    }
    return pending_reserve(&stream->held, most);
}

void h2_end_data(struct h2_connection *connection, struct h2_stream *stream, size_t count) {
    if (count == 0) {
        return;
    }
    if (!connection->writes_directly) {
        pending_commit(&stream->held, count);
        h2_send_held(connection, stream);
        return;
    }
    h2_write_header(connection->out.bytes + connection->out.end, count, H2_DATA, 0, stream->id);
    pending_commit(&connection->out, H2_HEADER_SIZE + count);
    count_sent(connection, stream, count);
}

/// Sends at most one frame of what a stream holds. Returns whether it did.
static bool send_frame(struct h2_connection *connection, struct h2_stream *stream) {
    size_t count = pending_count(&stream->held);
    bool all = true;
    const int64_t limits[] = {connection->frame_limit, connection->send_window, stream->send_window};
    for (size_t index = 0; index < sizeof limits / sizeof *limits; index++) {
        if ((int64_t)count > limits[index]) {
            count = limits[index] > 0 ? (size_t)limits[index] : 0;
            all = false;
        }
    }
    bool ends = all && stream->ends && !stream->sent_end;
    if (count == 0 && !ends) {
        return false;
    }
    h2_append_frame(connection, H2_DATA, ends ? H2_END_STREAM : 0, stream->id, pending_front(&stream->held), count);
    pending_drop(&stream->held, count);
    count_sent(connection, stream, count);
    stream->sent_end = stream->sent_end || ends;
    return true;
}

void h2_send_held(struct h2_connection *connection, struct h2_stream *stream) {
    while (send_frame(connection, stream)) {
    }
    h2_note_waiting(connection, stream);
    h2_return_window(connection, stream);
}

void h2_send_waiting(struct h2_connection *connection) {
    for (bool sent = true; sent && connection->send_window > 0;) {
        sent = false;
        for (struct h2_stream *stream = connection->waiting, *next; stream != NULL; stream = next) {
            next = stream->next;
            if (send_frame(connection, stream)) {
                sent = true;
                h2_note_waiting(connection, stream);
                h2_return_window(connection, stream);
                h2_remove_if_over(connection, stream);
            }
        }
    }
}

void h2_count_received(struct h2_connection *connection, size_t count) {
    connection->unreturned += (uint32_t)count;
    if (connection->unreturned >= H2_CONNECTION_WINDOW / 2) {
        h2_append_number(connection, H2_WINDOW_UPDATE, 0, connection->unreturned);
        connection->receive_window += connection->unreturned;
        connection->unreturned = 0;
    }
}

void h2_return_window(struct h2_connection *connection, struct h2_stream *stream) {
    size_t kept = connection->returns_what_left ? pending_count(&stream->held) : 0;
    if (stream->peer_ended || stream->unreturned < H2_STREAM_WINDOW / 2 + kept) {
        return;
    }
    uint32_t given = stream->unreturned - (uint32_t)kept;
    h2_append_number(connection, H2_WINDOW_UPDATE, stream->id, given);
    stream->receive_window += given;
    stream->unreturned -= given;
}
