// A WebSocket echo server that costs much less than the proxies measured in front of it.
//
// Every frame streams: its header is written back without a mask, its payload is unmasked in the read buffer and
// written from there. Nothing is gathered, so fragmentation and length cost no memory, and a connection whose peer
// keeps up owns no buffer at all.

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../wire/frame.h"
#include "../wire/handshake.h"
#include "../wire/pending.h"
#include "../wire/process.h"

enum {
    CHUNK = 256 * 1024,
    EVENTS = 512,
    BACKLOG = 16384,
};

struct connection {
    bool in_use, upgraded;
    bool discards;      // the frame being read is not echoed (a Pong)
    bool closes_after;  // once everything pending is written
    bool waits_to_write;
    struct frame_scanner scanner;
    struct pending out;
    char *request;  // only during the opening handshake
    size_t request_length;
};

static int poller;
static struct connection *connections;
static uint64_t connection_limit;
// The echo is written over the bytes it came from. It is shorter by the mask key, except where a header began in
// the read before: the headroom makes up for that.
static uint8_t chunk[FRAME_HEADER_LIMIT + CHUNK];

static void drop(int descriptor) {
    struct connection *connection = &connections[descriptor];
    pending_free(&connection->out);
    free(connection->request);
    *connection = (struct connection){0};
    close(descriptor);
}

static void watch(int descriptor, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    if (epoll_ctl(poller, operation, descriptor, &event) != 0) {
        die("epoll_ctl on descriptor %d: %s", descriptor, strerror(errno));
    }
}

/// Writes what the socket takes and keeps the rest; reading pauses while something is kept.
/// Returns false when the connection is gone.
static bool send_bytes(int descriptor, const uint8_t *bytes, size_t count) {
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
        if (!connection->waits_to_write) {
            connection->waits_to_write = true;
            watch(descriptor, EPOLLOUT, EPOLL_CTL_MOD);
        }
        return true;
    }
    if (connection->closes_after) {
        drop(descriptor);
        return false;
    }
    return true;
}

static bool flush(int descriptor) {
    struct connection *connection = &connections[descriptor];
    struct pending *out = &connection->out;
    while (pending_count(out) > 0) {
        ssize_t written = write(descriptor, pending_front(out), pending_count(out));
        if (written < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return true;
            }
            drop(descriptor);
            return false;
        }
        pending_drop(out, (size_t)written);
    }
    if (connection->closes_after) {
        drop(descriptor);
        return false;
    }
    if (connection->waits_to_write) {
        connection->waits_to_write = false;
        watch(descriptor, EPOLLIN, EPOLL_CTL_MOD);
    }
    return true;
}

/// Starts the answer to a frame whose header has just been read. Returns the size of what it wrote to `out`.
static size_t begin_frame(struct connection *connection, uint8_t *out) {
    struct frame_scanner *scanner = &connection->scanner;
    bool control = opcode_is_control(scanner->opcode);
    bool valid = scanner->masked && scanner->reserved == 0 && opcode_is_known(scanner->opcode) &&
                 (!control || (scanner->fin && scanner->length <= FRAME_CONTROL_LIMIT));
    if (!valid) {
        connection->closes_after = connection->discards = true;
        size_t size = frame_write_header(out, FRAME_FIN | OPCODE_CLOSE, 2, NULL);
        out[size++] = 1002 >> 8;
        out[size++] = 1002 & 0xff;
        return size;
    }
    connection->discards = scanner->opcode == OPCODE_PONG;
    if (connection->discards) {
        return 0;
    }
    uint8_t opcode = scanner->opcode == OPCODE_PING ? OPCODE_PONG : scanner->opcode;
    return frame_write_header(out, (uint8_t)((scanner->fin ? FRAME_FIN : 0) | opcode), scanner->length, NULL);
}

/// Echoes the frames in `chunk`, which holds `count` bytes behind the headroom.
static void echo(int descriptor, size_t count) {
    struct connection *connection = &connections[descriptor];
    struct frame_scanner *scanner = &connection->scanner;
    const uint8_t *in = chunk + FRAME_HEADER_LIMIT;
    const uint8_t *end = in + count;
    uint8_t *out = chunk;
    while (!connection->closes_after) {
        if (!scanner->in_payload) {
            in += frame_scan_header(scanner, in, (size_t)(end - in));
            if (!scanner->in_payload) {
                break;
            }
            out += begin_frame(connection, out);
            continue;
        }
        uint64_t position = scanner->length - scanner->remaining;
        size_t taken = frame_take_payload(scanner, (size_t)(end - in));
        if (!connection->discards) {
            frame_mask(out, in, taken, scanner->key, position);
            out += taken;
        }
        in += taken;
        if (scanner->remaining > 0) {
            break;
        }
        connection->closes_after = scanner->opcode == OPCODE_CLOSE;
        frame_finish(scanner);
    }
    send_bytes(descriptor, chunk, (size_t)(out - chunk));
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
        connection->upgraded = true;
    }
    send_bytes(descriptor, (const uint8_t *)response, (size_t)size);
}

/// Gathers the request head; frames that came with it are echoed at once.
static void read_request(int descriptor, size_t count) {
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
    char *end = strstr(request, "\r\n\r\n");
    if (end == NULL) {
        if (before + copied == HANDSHAKE_LIMIT) {
            drop(descriptor);
        }
        return;
    }
    size_t head_length = (size_t)(end - request) + 4;
    end[2] = 0;
    answer_request(descriptor);
    if (!connection->in_use || !connection->upgraded) {
        return;
    }
    free(connection->request);
    connection->request = NULL;
    size_t head_in_chunk = head_length - before;
    size_t rest = count - head_in_chunk;
    if (rest > 0) {
        memmove(chunk + FRAME_HEADER_LIMIT, chunk + FRAME_HEADER_LIMIT + head_in_chunk, rest);
        echo(descriptor, rest);
    }
}

static void serve(int descriptor, uint32_t events) {
    struct connection *connection = &connections[descriptor];
    if (connection->waits_to_write && (!flush(descriptor) || connection->waits_to_write)) {
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) {
        return;
    }
    ssize_t count = read(descriptor, chunk + FRAME_HEADER_LIMIT, CHUNK);
    if (count <= 0) {
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            drop(descriptor);
        }
    } else if (connection->upgraded) {
        echo(descriptor, (size_t)count);
    } else {
        read_request(descriptor, (size_t)count);
    }
}

static void accept_all(int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            return;
        }
        if ((uint64_t)descriptor >= connection_limit) {
            close(descriptor);
            continue;
        }
        int on = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // a unix socket refuses; nothing is lost
        connections[descriptor] = (struct connection){.in_use = true};
        watch(descriptor, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static int listen_tcp(uint16_t port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, BACKLOG) != 0) {
        die("127.0.0.1:%u: %s", port, strerror(errno));
    }
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("listening %u\n", ntohs(address.sin_port));
    return listener;
}

static int listen_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        die("socket path has %zu bytes, limit %zu", strlen(path), sizeof address.sun_path - 1);
    }
    strcpy(address.sun_path, path);
    unlink(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, BACKLOG) != 0) {
        die("%s: %s", path, strerror(errno));
    }
    printf("listening unix:%s\n", path);
    return listener;
}

int main(int count, char **arguments) {
    long port = -1;
    const char *path = NULL;
    for (int index = 1; index + 1 < count; index += 2) {
        if (strcmp(arguments[index], "--port") == 0) {
            port = strtol(arguments[index + 1], NULL, 10);
        } else if (strcmp(arguments[index], "--unix") == 0) {
            path = arguments[index + 1];
        }
    }
    if (count % 2 == 0 || (path == NULL && (port < 0 || port > 65535))) {
        fputs("usage: echo-server --port PORT (0: any free one) | --unix PATH\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    connection_limit = raise_descriptor_limit();
    if (connection_limit > 65536) {
        connection_limit = 65536;
    }
    connections = calloc(connection_limit, sizeof *connections);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (connections == NULL || poller < 0) {
        die("cannot start: %s", strerror(errno));
    }
    int listener = path != NULL ? listen_unix(path) : listen_tcp((uint16_t)port);
    fflush(stdout);
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    static struct epoll_event events[EVENTS];
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int index = 0; index < ready; index++) {
            if (events[index].data.fd == listener) {
                accept_all(listener);
            } else {
                serve(events[index].data.fd, events[index].events);
            }
        }
    }
}
