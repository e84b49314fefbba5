#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../wire/process.h"

enum { LARGE_PENDING = 256 * 1024 };  // given back when it empties: thousands may have had it

int poller;
struct connection *connections;
uint8_t chunk[FRAME_HEADER_LIMIT + CHUNK];

void drop(int descriptor) {
    struct connection *connection = &connections[descriptor];
    pending_free(&connection->out);
    pending_free(&connection->spoken);
    free(connection->request);
    if (connection->http2 != NULL) {
        h2_release(connection->http2);
        free(connection->http2);
    }
    *connection = (struct connection){0};
    close(descriptor);
}

void watch(int descriptor, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    if (epoll_ctl(poller, operation, descriptor, &event) != 0) {
        die("epoll_ctl on descriptor %d: %s", descriptor, strerror(errno));
    }
}

/// Asks for what the connection can go on with. Over HTTP/1.1, reading pauses while something waits to be written.
/// Over HTTP/2 it does not: the other side may read only when it has written, and its windows bound what waits.
static void watch_writing(int descriptor, bool waits) {
    struct connection *connection = &connections[descriptor];
    if (connection->waits_to_write != waits) {
        connection->waits_to_write = waits;
        uint32_t reading = !waits || connection->protocol == PROTOCOL_HTTP2 ? EPOLLIN : 0;
        watch(descriptor, (waits ? EPOLLOUT : 0) | reading, EPOLL_CTL_MOD);
    }
}

bool send_bytes(int descriptor, const uint8_t *bytes, size_t count) {
    struct connection *connection = &connections[descriptor];
    if (pending_count(&connection->out) == 0 && count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno != EAGAIN && errno != EINTR) {
            drop(descriptor);
            return false;
        }
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        }
    }
    pending_append(&connection->out, bytes, count);
    if (pending_count(&connection->out) > 0) {
        watch_writing(descriptor, true);
        return true;
    }
    if (connection->closes_after) {
        drop(descriptor);
        return false;
    }
    return true;
}

bool flush(int descriptor, struct pending *out) {
    while (pending_count(out) > 0) {
        ssize_t written = write(descriptor, pending_front(out), pending_count(out));
        if (written < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                watch_writing(descriptor, true);
                return true;
            }
            drop(descriptor);
            return false;
        }
        pending_drop(out, (size_t)written);
    }
    if (connections[descriptor].closes_after) {
        drop(descriptor);
        return false;
    }
    if (out->capacity > LARGE_PENDING) {
        pending_free(out);
    }
    watch_writing(descriptor, false);
    return true;
}
