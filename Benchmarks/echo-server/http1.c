// WebSockets that were opened by an HTTP/1.1 upgrade, one on each connection.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/handshake.h"
#include "../wire/process.h"
#include "connection.h"

/// Whether a request's path, without its query, ends with `/room`.
static bool asks_for_room(const char *head) {
    static const char room[] = "/room";
    const char *path = head + strcspn(head, " ");
    path += strspn(path, " ");
    size_t length = strcspn(path, " ?\r");
    return length >= sizeof room - 1 && strncmp(path + length - (sizeof room - 1), room, sizeof room - 1) == 0;
}

void http1_echo(int descriptor, size_t count) {
    struct connection *connection = &connections[descriptor];
    if (connection->in_room) {
        room_hear(descriptor, count);
        return;
    }
    size_t size = echo_bytes(&connection->echo, chunk + FRAME_HEADER_LIMIT, count, chunk);
    connection->closes_after = connection->closes_after || connection->echo.closes;
    send_bytes(descriptor, chunk, size);
}

static void answer_request(int descriptor) {
    struct connection *connection = &connections[descriptor];
    const char *head = connection->request;
    size_t key_length = 0;
    const char *key = handshake_field(head, "Sec-WebSocket-Key", &key_length);
    char response[256];
    int size;
    if (strncmp(head, "GET ", 4) != 0 || key == NULL || !handshake_field_has_token(head, "Upgrade", "websocket") ||
        !handshake_field_has_token(head, "Connection", "Upgrade")) {
        size = snprintf(response, sizeof response,
                        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\n"
                        "Content-Length: 0\r\n\r\n");
        connection->closes_after = true;
    } else {
        char accept[HANDSHAKE_ACCEPT_SIZE];
        handshake_accept(key, key_length, accept);
        size = snprintf(response, sizeof response,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
        connection->protocol = PROTOCOL_HTTP1;
        if (asks_for_room(head)) {
            room_enter(descriptor);
        }
    }
    send_bytes(descriptor, (const uint8_t *)response, (size_t)size);
}

/// Where what follows the head begins, in bytes read since the connection began; 0 while it is not whole.
static size_t answer_whole_head(int descriptor) {
    struct connection *connection = &connections[descriptor];
    char *request = connection->request;
    if (connection->request_length >= H2_PREFACE_SIZE && memcmp(request, H2_PREFACE, H2_PREFACE_SIZE) == 0) {
        http2_begin(descriptor);
        return H2_PREFACE_SIZE;
    }
    // The magic begins with what looks like a whole head.
    size_t compared = connection->request_length < H2_PREFACE_SIZE ? connection->request_length : H2_PREFACE_SIZE;
    char *end = strstr(request, "\r\n\r\n");
    if (end == NULL || memcmp(request, H2_PREFACE, compared) == 0) {
        return 0;
    }
    size_t size = (size_t)(end - request) + 4;
    end[2] = 0;
    answer_request(descriptor);
    return size;
}

void http1_read_request(int descriptor, size_t count) {
    struct connection *connection = &connections[descriptor];
    size_t before = connection->request_length;
    size_t room = HANDSHAKE_LIMIT - before;
    size_t copied = count < room ? count : room;
    char *request = realloc(connection->request, before + copied + 1);
    if (request == NULL) {
        die("out of memory for a request head");
    }
    memcpy(request + before, chunk + FRAME_HEADER_LIMIT, copied);
    request[before + copied] = 0;
    connection->request = request;
    connection->request_length = before + copied;
    size_t head = answer_whole_head(descriptor);
    if (head == 0 && before + copied == HANDSHAKE_LIMIT) {
        drop(descriptor);
        return;
    }
    if (head == 0 || !connection->in_use || connection->protocol == PROTOCOL_UNKNOWN) {
        return;
    }
    free(connection->request);
    connection->request = NULL;
    uint8_t *rest = chunk + FRAME_HEADER_LIMIT + (head - before);
    size_t left = count - (head - before);
    if (connection->protocol == PROTOCOL_HTTP2) {
        http2_receive(descriptor, rest, left);
    } else if (left > 0) {
        memmove(chunk + FRAME_HEADER_LIMIT, rest, left);
        http1_echo(descriptor, left);
    }
}
