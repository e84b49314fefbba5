// What the parts of a connection ask of each other. For `h2_connection.c`, `h2_frames.c`, `h2_receiving.c`,
// `h2_sending.c` and `h2_stream_life.c` alone; the last calls none of the others.
#pragma once

#include "h2_connection.h"

/// The connection cannot go on: says why, and GOAWAY.
void h2_fail(struct h2_connection *connection, uint32_t code, const char *fault);

struct h2_stream *h2_add_stream(struct h2_connection *connection, uint32_t id, void *owner);
void h2_remove_stream(struct h2_connection *connection, struct h2_stream *stream);

/// Removes a stream that both sides have ended.
void h2_remove_if_over(struct h2_connection *connection, struct h2_stream *stream);

void h2_remove_all_streams(struct h2_connection *connection);

/// Puts a stream that holds something among those that wait, takes out one that does not.
void h2_note_waiting(struct h2_connection *connection, struct h2_stream *stream);

/// The peer sent END_STREAM.
void h2_end_from_peer(struct h2_connection *connection, struct h2_stream *stream);

/// Serves any frame but DATA, whole, with `count` bytes of payload.
void h2_read_frame(struct h2_connection *connection, const uint8_t *frame, size_t count);

void h2_append_frame(struct h2_connection *connection, uint8_t type, uint8_t flags, uint32_t stream,
                     const uint8_t *payload, size_t count);

/// A frame whose payload is one number of 32 bits.
void h2_append_number(struct h2_connection *connection, uint8_t type, uint32_t stream, uint32_t number);

/// Sends what a stream holds, as far as the windows allow, and its end.
void h2_send_held(struct h2_connection *connection, struct h2_stream *stream);

/// The same for all streams that hold something, a frame each in turn.
void h2_send_waiting(struct h2_connection *connection);

/// Gives bytes back to the connection's window: at once, for a stream that waits must not stop the others.
void h2_count_received(struct h2_connection *connection, size_t count);

/// Gives bytes back to a stream's window, half a window at a time.
void h2_return_window(struct h2_connection *connection, struct h2_stream *stream);
