// What a connection writes: frames, and DATA as far as the windows allow. For `h2_connection.c` alone.
#pragma once

#include "h2_connection.h"

void h2_append_frame(struct h2_connection *connection, uint8_t type, uint8_t flags, uint32_t stream,
                     const uint8_t *payload, size_t count);

/// A frame whose payload is one number of 32 bits.
void h2_append_number(struct h2_connection *connection, uint8_t type, uint32_t stream, uint32_t number);

/// Sends what a stream holds, as far as the windows allow, and its end.
void h2_send_held(struct h2_connection *connection, struct h2_stream *stream);

/// The same for all streams that hold something, a frame each in turn.
void h2_send_waiting(struct h2_connection *connection);

void h2_forget_waiting(struct h2_connection *connection, struct h2_stream *stream);

/// Gives bytes back to the connection's window: at once, for a stream that waits must not stop the others.
void h2_count_received(struct h2_connection *connection, size_t count);

/// Gives bytes back to a stream's window, half a window at a time.
void h2_return_window(struct h2_connection *connection, struct h2_stream *stream);

/// Removes a stream that both sides have ended. In `h2_connection.c`.
void h2_remove_if_over(struct h2_connection *connection, struct h2_stream *stream);
