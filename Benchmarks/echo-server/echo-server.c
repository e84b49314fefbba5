// A WebSocket echo server that costs much less than the proxies measured in front of it: over HTTP/1.1, one WebSocket
// a connection, and over HTTP/2 with prior knowledge, one a stream. It owns no buffer for a peer that keeps up.

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

#include "../wire/process.h"
#include "connection.h"

enum {
    EVENTS = 512,
    BACKLOG = 16384,
};

static uint64_t connection_limit;

static void serve(int descriptor, uint32_t events) {
    struct connection *connection = &connections[descriptor];
    bool is_http2 = connection->protocol == PROTOCOL_HTTP2;
    if (connection->waits_to_write && (!flush(descriptor, is_http2 ? &connection->http2->out : &connection->out) ||
                                       (connection->waits_to_write && !is_http2))) {
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
    } else if (is_http2) {
        http2_receive(descriptor, chunk + FRAME_HEADER_LIMIT, (size_t)count);
    } else if (connection->protocol == PROTOCOL_HTTP1) {
        http1_echo(descriptor, (size_t)count);
    } else {
        http1_read_request(descriptor, (size_t)count);
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
