// A stream in its connection: it is added, waits for a window, ends, is removed.
#include <stdlib.h>

#include "h2_parts.h"
#include "process.h"

struct h2_stream *h2_add_stream(struct h2_connection *connection, uint32_t id, void *owner) {
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

static void forget_waiting(struct h2_connection *connection, struct h2_stream *stream) {
    if (!stream->waits) {
        return;
    }
    if (stream->previous != NULL) {
        stream->previous->next = stream->next;
    } else {
        connection->waiting = stream->next;
    }
    if (stream->next != NULL) {
        stream->next->previous = stream->previous;
    }
    stream->previous = stream->next = NULL;
    stream->waits = false;
}

void h2_note_waiting(struct h2_connection *connection, struct h2_stream *stream) {
    bool waits = pending_count(&stream->held) > 0;
    if (!waits) {
        forget_waiting(connection, stream);
    } else if (!stream->waits) {
        stream->waits = true;
        stream->next = connection->waiting;
        if (stream->next != NULL) {
            stream->next->previous = stream;
        }
        connection->waiting = stream;
    }
}

static void release_stream(struct h2_connection *connection, struct h2_stream *stream) {
    if (stream->owner != NULL) {
        connection->events->released(connection, stream);
    }
    forget_waiting(connection, stream);
    if (connection->data_stream == stream) {
        connection->data_stream = NULL;
    }
    pending_free(&stream->held);
    free(stream);
}

void h2_remove_stream(struct h2_connection *connection, struct h2_stream *stream) {
    h2_streams_remove(&connection->streams, stream->id);
    release_stream(connection, stream);
}

void h2_remove_if_over(struct h2_connection *connection, struct h2_stream *stream) {
    if (stream->sent_end && stream->peer_ended) {
        h2_remove_stream(connection, stream);
    }
}

void h2_remove_all_streams(struct h2_connection *connection) {
    for (uint32_t slot = 0; slot < connection->streams.capacity; slot++) {
        if (connection->streams.slots[slot] != NULL) {
            release_stream(connection, connection->streams.slots[slot]);
        }
    }
    free(connection->streams.slots);
    connection->streams = (struct h2_streams){0};
}

void h2_end_from_peer(struct h2_connection *connection, struct h2_stream *stream) {
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
