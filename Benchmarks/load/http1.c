// A TCP or TLS connection for each WebSocket, opened by an HTTP/1.1 upgrade.
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../wire/process.h"
#include "carrier.h"
#include "load.h"
#include "message.h"

enum { CHUNK = 128 * 1024 };

static uint8_t chunk[CHUNK];
static struct pending frame;  // the one that is being made

static void prepare(struct load *load) {
    (void)load;
}

static void ask_for(struct load *load, struct client *client, uint32_t events) {
    if (client->interest == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.u32 = client->index};
    int operation = client->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(load->poller, operation, client->transport.descriptor, &event) != 0) {
        die("epoll_ctl failed on connection %u", client->index);
    }
    client->interest = events;
}

static void drop(struct load *load, struct client *client) {
    (void)load;
    transport_close(&client->transport);
    free(client->response);
    client->response = NULL;
    client->response_length = 0;
    client->interest = 0;
    pending_drop(&client->out, pending_count(&client->out));
}

/// Writes what the socket takes and keeps the rest for `EPOLLOUT`. Returns false when the connection is gone.
static bool send_bytes(struct load *load, struct client *client, const uint8_t *bytes, size_t count) {
    if (pending_count(&client->out) == 0) {
        while (count > 0) {
            ssize_t written = transport_write(&client->transport, bytes, count);
            if (written == TRANSPORT_BLOCKED) {
                break;
            }
            if (written <= 0) {
                client_fail(load, client, FAILED_LOST, "a write failed");
                return false;
            }
            bytes += written;
            count -= (size_t)written;
        }
    }
    if (count > 0) {
        pending_append(&client->out, bytes, count);
        ask_for(load, client, EPOLLIN | EPOLLOUT);
    }
    return true;
}

static bool flush_client(struct load *load, struct client *client) {
    while (pending_count(&client->out) > 0) {
        ssize_t written =
            transport_write(&client->transport, pending_front(&client->out), pending_count(&client->out));
        if (written == TRANSPORT_BLOCKED) {
            return true;
        }
        if (written <= 0) {
            client_fail(load, client, FAILED_LOST, "a write failed");
            return false;
        }
        pending_drop(&client->out, (size_t)written);
    }
    if (load->options.mode == MODE_IDLE) {
        pending_free(&client->out);  // it may be long until the next message
    }
    ask_for(load, client, EPOLLIN);
    return true;
}

static uint8_t *room(struct load *load, struct client *client, size_t most) {
    (void)load;
    (void)client;
    return pending_reserve(&frame, most);
}

static void send_frame(struct load *load, struct client *client, size_t count) {
    send_bytes(load, client, frame.bytes, count);
}

static void flush(struct load *load) {
    (void)load;
}

static void start(struct load *load, struct client *client) {
    const struct options *options = &load->options;
    if (!transport_connect(&client->transport, load->tls, options->host, options->port)) {
        client_fail(load, client, FAILED_CONNECT, "connect was refused");
        return;
    }
    ask_for(load, client, EPOLLOUT);
}

static void send_request(struct load *load, struct client *client) {
    uint8_t nonce[16];
    for (size_t index = 0; index < sizeof nonce; index += 4) {
        next_mask_key(nonce + index);
    }
    char key[32], request[1024];
    EVP_EncodeBlock((unsigned char *)key, nonce, sizeof nonce);
    handshake_accept(key, strlen(key), client->accept);
    const struct options *options = &load->options;
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        options->path, options->host, options->port, key,
                        options->offers_deflate
                            ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                            : "");
    client->state = CLIENT_UPGRADING;
    ask_for(load, client, EPOLLIN);
    send_bytes(load, client, (const uint8_t *)request, (size_t)size);
}

/// Gathers the response head. Returns how many of the bytes it took, or -1 when the connection is gone.
static ssize_t read_response(struct load *load, struct client *client, const uint8_t *bytes, size_t count) {
    size_t before = client->response_length;
    size_t room = HANDSHAKE_LIMIT - before;
    size_t copied = count < room ? count : room;
    char *response = realloc(client->response, before + copied + 1);
    if (response == NULL) {
        die("out of memory for a response head");
    }
    memcpy(response + before, bytes, copied);
    response[before + copied] = 0;
    client->response = response;
    client->response_length = before + copied;
    char *end = strstr(response, "\r\n\r\n");
    if (end == NULL) {
        if (before + copied == HANDSHAKE_LIMIT) {
            client_fail(load, client, FAILED_UPGRADE, "the response head is over 16 KiB");
            return -1;
        }
        return (ssize_t)count;
    }
    end[2] = 0;
    size_t length = 0;
    const char *accept = handshake_field(response, "Sec-WebSocket-Accept", &length);
    if (strncmp(response, "HTTP/1.1 101", 12) != 0 || accept == NULL || length != strlen(client->accept) ||
        memcmp(accept, client->accept, length) != 0) {
        char what[96];
        snprintf(what, sizeof what, "expected 101 with the right Accept, got \"%.*s\"", (int)strcspn(response, "\r"),
                 response);
        client_fail(load, client, FAILED_UPGRADE, what);
        return -1;
    }
    const char *extensions = handshake_field(response, "Sec-WebSocket-Extensions", &length);
    size_t taken = (size_t)(end - response) + 4 - before;
    client_opened(load, client, extensions != NULL ? extensions : "", extensions != NULL ? length : 0);
    free(client->response);
    client->response = NULL;
    client->response_length = 0;
    return (ssize_t)taken;
}

static void read_all(struct load *load, struct client *client) {
    while (client->state != CLIENT_CLOSED) {
        ssize_t count = transport_read(&client->transport, chunk, CHUNK);
        if (count == TRANSPORT_BLOCKED) {
            return;
        }
        if (count <= 0) {
            client_lost(load, client, count == TRANSPORT_ENDED ? "the peer ended the connection" : "a read failed");
            return;
        }
        ssize_t taken = 0;
        if (client->state == CLIENT_UPGRADING) {
            taken = read_response(load, client, chunk, (size_t)count);
            if (taken < 0) {
                return;
            }
        }
        if (count > taken) {
            client_receive(load, client, chunk + taken, (size_t)(count - taken));
        }
        // Level-triggered: what is left in the socket will be announced, what TLS already took will not.
        if (client->state != CLIENT_CLOSED && !transport_holds_bytes(&client->transport) && count < CHUNK) {
            return;
        }
    }
}

static void serve(struct load *load, uint32_t index, uint32_t events) {
    struct client *client = &load->clients[index];
    if (client->state == CLIENT_CONNECTING) {
        switch (transport_handshake(&client->transport)) {
        case HANDSHAKE_DONE:
            load->counters.resumed += transport_resumed(&client->transport) ? 1 : 0;
            send_request(load, client);
            break;
        case HANDSHAKE_READS: ask_for(load, client, EPOLLIN); break;
        case HANDSHAKE_WRITES: ask_for(load, client, EPOLLOUT); break;
        case HANDSHAKE_FAILED:
            client_fail(load, client, load->tls != NULL ? FAILED_TLS : FAILED_CONNECT, "connecting failed");
            break;
        }
        return;
    }
    if ((events & EPOLLOUT) != 0 && !flush_client(load, client)) {
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        read_all(load, client);
    }
}

const struct carrier http1_carrier = {
    .prepare = prepare,
    .start = start,
    .room = room,
    .send = send_frame,
    .drop = drop,
    .serve = serve,
    .flush = flush,
    .finish = flush,
};
