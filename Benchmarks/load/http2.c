// WebSockets as streams of shared HTTP/2 connections (RFC 8441): over TLS by ALPN, in the clear by prior knowledge.
// Client number I travels on connection I modulo their count. What one read or one turn of the loop makes ready is
// written at once.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../wire/h2_connection.h"
#include "../wire/process.h"
#include "carrier.h"
#include "load.h"

enum { CHUNK = 128 * 1024, LAST_WORDS_NS = 1000000000 };

enum session_state { SESSION_CLOSED, SESSION_CONNECTING, SESSION_OPEN };

/// One HTTP/2 connection.
struct session {
    uint32_t index;
    enum session_state state;
    struct transport transport;
    uint32_t interest;  // epoll events asked for
    struct h2_connection http2;
};

static uint8_t chunk[CHUNK];
static struct session *sessions;
static uint32_t session_count;

static struct session *session_of(const struct client *client) {
    return &sessions[client->index % session_count];
}

static void ask_for(struct load *load, struct session *session, uint32_t events) {
    if (session->interest == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.u32 = session->index};
    int operation = session->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(load->poller, operation, session->transport.descriptor, &event) != 0) {
        die("epoll_ctl failed on connection %u", session->index);
    }
    session->interest = events;
}

/// Ends a connection, and with it all that travels there.
static void lose(struct load *load, struct session *session, enum failure failure, const char *what) {
    bool was_open = session->state == SESSION_OPEN;
    session->state = SESSION_CLOSED;
    session->interest = 0;
    char text[128];
    if (was_open && session->http2.said_goaway) {
        snprintf(text, sizeof text, "%s, after GOAWAY with code %u", what, session->http2.goaway_code);
        what = text;
    }
    for (uint32_t index = session->index; index < load->options.connections; index += session_count) {
        struct client *client = &load->clients[index];
        if (client->state == CLIENT_CONNECTING && !was_open) {
            client_fail(load, client, failure, what);
        } else if (client->state != CLIENT_CLOSED) {
            client_lost(load, client, what);
        }
    }
    if (was_open) {
        h2_release(&session->http2);
    }
    transport_close(&session->transport);
}

static void flush_session(struct load *load, struct session *session) {
    struct pending *out = &session->http2.out;
    while (session->state == SESSION_OPEN && pending_count(out) > 0) {
        ssize_t written = transport_write(&session->transport, pending_front(out), pending_count(out));
        if (written == TRANSPORT_BLOCKED) {
            ask_for(load, session, EPOLLIN | EPOLLOUT);
            return;
        }
        if (written <= 0) {
            lose(load, session, FAILED_LOST, "a write failed");
            return;
        }
        pending_drop(out, (size_t)written);
    }
    if (session->state == SESSION_OPEN) {
        ask_for(load, session, EPOLLIN);
    }
}

static void flush(struct load *load) {
    for (uint32_t index = 0; index < session_count; index++) {
        // One that is blocked is flushed when the socket says so.
        if (sessions[index].state == SESSION_OPEN && (sessions[index].interest & EPOLLOUT) == 0) {
            flush_session(load, &sessions[index]);
        }
    }
}

static void send_request(struct load *load, struct session *session, struct client *client) {
    struct h2_connection *http2 = &session->http2;
    if (!http2->allows_connect_protocol) {
        client_fail(load, client, FAILED_UPGRADE, "the peer's SETTINGS allow no extended CONNECT");
        return;
    }
    if (http2->said_goaway || http2->streams.count >= http2->stream_limit) {
        char what[96];
        snprintf(what, sizeof what, "the peer takes no more than %u streams on this connection", http2->streams.count);
        client_fail(load, client, FAILED_UPGRADE, what);
        return;
    }
    const struct options *options = &load->options;
    char authority[80];
    snprintf(authority, sizeof authority, "%s:%u", options->host, options->port);
    uint8_t fields[1024];
    size_t size = 0;
    size += h2_write_field(fields + size, ":method", "CONNECT");
    size += h2_write_field(fields + size, ":protocol", "websocket");
    size += h2_write_field(fields + size, ":scheme", options->tls ? "https" : "http");
    size += h2_write_field(fields + size, ":path", options->path);
    size += h2_write_field(fields + size, ":authority", authority);
    size += h2_write_field(fields + size, "sec-websocket-version", "13");
    if (options->offers_deflate) {
        size += h2_write_field(fields + size, "sec-websocket-extensions", "permessage-deflate; client_max_window_bits");
    }
    client->state = CLIENT_UPGRADING;
    client->stream = h2_open(http2, fields, size, client);
}

static void ready(struct h2_connection *http2) {
    struct load *load = http2->owner;
    for (uint32_t index = 0; index < session_count; index++) {
        if (&sessions[index].http2 != http2) {
            continue;
        }
        for (uint32_t number = index; number < load->options.connections; number += session_count) {
            if (load->clients[number].state == CLIENT_CONNECTING) {
                send_request(load, &sessions[index], &load->clients[number]);
            }
        }
    }
}

static void headers(struct h2_connection *http2, struct h2_stream *stream, const struct h2_fields *fields) {
    struct load *load = http2->owner;
    struct client *client = stream->owner;
    if (client->state != CLIENT_UPGRADING || fields->status[0] == '1') {
        return;
    }
    if (strcmp(fields->status, "200") == 0) {
        client_opened(load, client, fields->extensions, strlen(fields->extensions));
        return;
    }
    char what[64];
    snprintf(what, sizeof what, "expected the status 200, got \"%s\"", fields->status);
    client_fail(load, client, FAILED_UPGRADE, what);
}

static void data(struct h2_connection *http2, struct h2_stream *stream, const uint8_t *bytes, size_t count) {
    struct load *load = http2->owner;
    struct client *client = stream->owner;
    if (client->state == CLIENT_UPGRADING) {
        client_fail(load, client, FAILED_PROTOCOL, "DATA before the answer to the handshake");
    } else {
        client_receive(load, client, bytes, count);
    }
}

static void ended(struct h2_connection *http2, struct h2_stream *stream, bool reset, uint32_t code) {
    struct load *load = http2->owner;
    struct client *client = stream->owner;
    char what[64] = "the peer ended the stream";
    if (reset) {
        snprintf(what, sizeof what, "the peer reset the stream with code %u", code);
        // The stream is gone: nothing is to be said on it any more.
        stream->owner = NULL;
        client->stream = NULL;
    }
    client_lost(load, client, what);
}

static void released(struct h2_connection *http2, struct h2_stream *stream) {
    (void)http2;
    struct client *client = stream->owner;
    client->stream = NULL;
}

static void prepare(struct load *load) {
    session_count = load->options.client_connections;
    sessions = calloc(session_count, sizeof *sessions);
    if (sessions == NULL) {
        die("cannot hold %u HTTP/2 connections", session_count);
    }
    for (uint32_t index = 0; index < session_count; index++) {
        sessions[index].index = index;
        sessions[index].transport.descriptor = -1;
    }
}

static void start(struct load *load, struct client *client) {
    struct session *session = session_of(client);
    if (session->state == SESSION_OPEN && session->http2.settled) {
        send_request(load, session, client);
    } else if (session->state == SESSION_CLOSED) {
        const struct options *options = &load->options;
        if (!transport_connect(&session->transport, load->tls, options->host, options->port)) {
            client_fail(load, client, FAILED_CONNECT, "connect was refused");
            return;
        }
        session->state = SESSION_CONNECTING;
        ask_for(load, session, EPOLLOUT);
    }
}

static uint8_t *room(struct load *load, struct client *client, size_t most) {
    (void)load;
    return h2_begin_data(&session_of(client)->http2, client->stream, most);
}

static void send_frames(struct load *load, struct client *client, size_t count) {
    (void)load;
    h2_end_data(&session_of(client)->http2, client->stream, count);
}

static void drop(struct load *load, struct client *client) {
    (void)load;
    struct session *session = session_of(client);
    struct h2_stream *stream = client->stream;
    if (stream == NULL) {
        return;
    }
    client->stream = NULL;
    stream->owner = NULL;
    if (session->state != SESSION_OPEN) {
        return;  // the streams are released with it
    }
    if (client->state == CLIENT_CLOSING) {
        h2_end(&session->http2, stream);
    } else {
        h2_reset(&session->http2, stream, H2_CANCEL);
    }
}

static void begin_session(struct load *load, struct session *session) {
    static const struct h2_events events = {ready, headers, data, ended, released};
    if (!transport_agreed_on(&session->transport, "h2")) {
        lose(load, session, FAILED_TLS, "the peer did not agree on h2");
        return;
    }
    session->state = SESSION_OPEN;
    h2_start(&session->http2, &events, false, load);
    flush_session(load, session);
}

static void read_all(struct load *load, struct session *session) {
    while (session->state == SESSION_OPEN) {
        ssize_t count = transport_read(&session->transport, chunk, CHUNK);
        if (count == TRANSPORT_BLOCKED) {
            break;
        }
        if (count <= 0) {
            lose(load, session, FAILED_LOST,
                 count == TRANSPORT_ENDED ? "the peer ended the connection" : "a read failed");
            return;
        }
        if (!h2_receive(&session->http2, chunk, (size_t)count)) {
            lose(load, session, FAILED_PROTOCOL, session->http2.fault);
            return;
        }
        // Level-triggered: what is left in the socket will be announced, what TLS already took will not.
        if (!transport_holds_bytes(&session->transport) && count < CHUNK) {
            break;
        }
    }
    flush_session(load, session);
}

static void serve(struct load *load, uint32_t index, uint32_t events) {
    struct session *session = &sessions[index];
    if (session->state == SESSION_CONNECTING) {
        switch (transport_handshake(&session->transport)) {
        case HANDSHAKE_DONE: begin_session(load, session); break;
        case HANDSHAKE_READS: ask_for(load, session, EPOLLIN); break;
        case HANDSHAKE_WRITES: ask_for(load, session, EPOLLOUT); break;
        case HANDSHAKE_FAILED:
            lose(load, session, load->tls != NULL ? FAILED_TLS : FAILED_CONNECT, "connecting failed");
            break;
        }
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        flush_session(load, session);
    }
    if (session->state == SESSION_OPEN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        read_all(load, session);
    }
}

static uint32_t open_streams(void) {
    uint32_t sum = 0;
    for (uint32_t index = 0; index < session_count; index++) {
        sum += sessions[index].state == SESSION_OPEN ? sessions[index].http2.streams.count : 0;
    }
    return sum;
}

static void finish(struct load *load) {
    uint64_t limit = monotonic_ns() + LAST_WORDS_NS;
    while (open_streams() > 0 && monotonic_ns() < limit) {
        serve_events(load, 10 * 1000000);
    }
    for (uint32_t index = 0; index < session_count; index++) {
        if (sessions[index].state == SESSION_OPEN) {
            h2_goaway(&sessions[index].http2, H2_NO_ERROR);
            flush_session(load, &sessions[index]);
        }
    }
    for (uint32_t index = 0; index < session_count; index++) {
        if (sessions[index].state != SESSION_CLOSED) {
            lose(load, &sessions[index], FAILED_LOST, "the connection was closed");
        }
    }
}

const struct carrier http2_carrier = {
    .prepare = prepare,
    .start = start,
    .room = room,
    .send = send_frames,
    .drop = drop,
    .serve = serve,
    .flush = flush,
    .finish = finish,
};
