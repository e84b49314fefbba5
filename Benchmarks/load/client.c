#include "client.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../wire/process.h"
#include "load.h"
#include "message.h"

enum { CHUNK = 128 * 1024 };

static uint8_t chunk[CHUNK];

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

void client_drop(struct load *load, struct client *client) {
    if (client->state == CLIENT_CONNECTING || client->state == CLIENT_UPGRADING) {
        load->opening--;
    } else if (client->state == CLIENT_OPEN) {
        load->open--;
    }
    transport_close(&client->transport);
    free(client->response);
    client->response = NULL;
    client->response_length = 0;
    client->interest = 0;
    client->state = CLIENT_CLOSED;
    pending_drop(&client->out, pending_count(&client->out));
    load->closed(load, client);
}

static void fail_client(struct load *load, struct client *client, enum failure failure, const char *what) {
    fail(load, failure, client, what);
    client_drop(load, client);
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
                fail_client(load, client, FAILED_LOST, "a write failed");
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

static bool flush(struct load *load, struct client *client) {
    while (pending_count(&client->out) > 0) {
        ssize_t written =
            transport_write(&client->transport, pending_front(&client->out), pending_count(&client->out));
        if (written == TRANSPORT_BLOCKED) {
            return true;
        }
        if (written <= 0) {
            fail_client(load, client, FAILED_LOST, "a write failed");
            return false;
        }
        pending_drop(&client->out, (size_t)written);
    }
    ask_for(load, client, EPOLLIN);
    return true;
}

void client_start(struct load *load, struct client *client) {
    client->started = monotonic_ns();
    client->scanner = (struct frame_scanner){0};
    client->sent = client->received = client->message_position = 0;
    client->in_message = client->message_compressed = false;
    const struct options *options = &load->options;
    if (!transport_connect(&client->transport, load->tls, options->host, options->port)) {
        fail(load, FAILED_CONNECT, client, "connect was refused");
        load->closed(load, client);
        return;
    }
    client->state = CLIENT_CONNECTING;
    load->opening++;
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

static void send_frame(struct load *load, struct client *client, uint8_t opcode, const uint8_t *payload, size_t size) {
    uint8_t frame[FRAME_HEADER_LIMIT + FRAME_CONTROL_LIMIT], key[4];
    next_mask_key(key);
    size_t header = frame_write_header(frame, (uint8_t)(FRAME_FIN | opcode), size, key);
    frame_mask(frame + header, payload, size, key, 0);
    load->counters.bytes_sent += header + size;
    send_bytes(load, client, frame, header + size);
}

void client_send_message(struct load *load, struct client *client, uint64_t sent_at) {
    static uint8_t *frame;
    uint64_t size = load->options.size;
    if (frame == NULL) {
        frame = malloc(FRAME_HEADER_LIMIT + size);
        if (frame == NULL) {
            die("out of memory for a frame of %llu bytes", (unsigned long long)size);
        }
    }
    uint8_t stamp[STAMP_SIZE], key[4];
    next_mask_key(key);
    stamp_message(stamp, client->index, client->sent);
    uint8_t opcode = load->options.binary ? OPCODE_BINARY : OPCODE_TEXT;
    size_t header = frame_write_header(frame, (uint8_t)(FRAME_FIN | opcode), size, key);
    size_t stamped = size < STAMP_SIZE ? (size_t)size : STAMP_SIZE;
    frame_mask(frame + header, stamp, stamped, key, 0);
    frame_mask(frame + header + stamped, load->pattern + stamped, (size_t)size - stamped, key, stamped);
    client->sent_at[client->sent % INFLIGHT_LIMIT] = sent_at;
    client->sent++;
    load->counters.bytes_sent += header + size;
    send_bytes(load, client, frame, header + (size_t)size);
}

void client_send_close(struct load *load, struct client *client) {
    static const uint8_t normal[] = {1000 >> 8, 1000 & 0xff};
    client->state = CLIENT_CLOSING;
    load->open--;
    send_frame(load, client, OPCODE_CLOSE, normal, sizeof normal);
}

static void end_message(struct load *load, struct client *client) {
    bool whole = client->message_compressed || client->message_position == load->options.size;
    load->counters.compressed += client->message_compressed ? 1 : 0;
    client->in_message = false;
    client->message_position = 0;
    if (!whole || client->received == client->sent) {
        fail_client(load, client, FAILED_MISMATCH, "an echo has another length than its message");
        return;
    }
    uint64_t sent_at = client->sent_at[client->received % INFLIGHT_LIMIT];
    client->received++;
    load->counters.echoes++;
    load->echoed(load, client, sent_at);
}

static const char *header_fault(const struct client *client) {
    const struct frame_scanner *scanner = &client->scanner;
    if (scanner->masked || (scanner->reserved & 3) != 0 || !opcode_is_known(scanner->opcode)) {
        return "a frame is masked, or has reserved bits or an unknown opcode";
    }
    if (opcode_is_control(scanner->opcode)) {
        return scanner->length > FRAME_CONTROL_LIMIT || !scanner->fin || scanner->reserved != 0
                   ? "a control frame is fragmented, compressed or too long"
                   : NULL;
    }
    if ((scanner->opcode == OPCODE_CONTINUATION) != client->in_message) {
        return "a fragment without its message, or a message inside another";
    }
    return NULL;
}

static void take_data(struct load *load, struct client *client, const uint8_t *bytes, size_t count) {
    if (!client->message_compressed) {
        uint8_t stamp[STAMP_SIZE];
        stamp_message(stamp, client->index, client->received);
        if (!message_matches(load->pattern, load->options.size, stamp, bytes, count, client->message_position)) {
            fail_client(load, client, FAILED_MISMATCH, "an echo differs from its message");
            return;
        }
    }
    client->message_position += count;
}

static void end_control(struct load *load, struct client *client) {
    size_t length = (size_t)client->scanner.length;
    if (client->scanner.opcode == OPCODE_PING) {
        load->counters.pings++;
        send_frame(load, client, OPCODE_PONG, client->control, length);
    } else if (client->scanner.opcode == OPCODE_CLOSE) {
        if (client->state != CLIENT_CLOSING) {
            char what[64];
            unsigned code = length >= 2 ? (unsigned)client->control[0] << 8 | client->control[1] : 1005;
            snprintf(what, sizeof what, "the peer closed with %u", code);
            fail(load, FAILED_LOST, client, what);
        }
        client_drop(load, client);
    }
}

static void read_frames(struct load *load, struct client *client, const uint8_t *bytes, size_t count) {
    struct frame_scanner *scanner = &client->scanner;
    const uint8_t *end = bytes + count;
    load->counters.bytes_received += count;
    while (client->state == CLIENT_OPEN || client->state == CLIENT_CLOSING) {
        if (!scanner->in_payload) {
            bytes += frame_scan_header(scanner, bytes, (size_t)(end - bytes));
            if (!scanner->in_payload) {
                return;
            }
            const char *fault = header_fault(client);
            if (fault != NULL) {
                fail_client(load, client, FAILED_PROTOCOL, fault);
                return;
            }
            if (!opcode_is_control(scanner->opcode) && !client->in_message) {
                client->in_message = true;
                client->message_compressed = (scanner->reserved & 4) != 0;
            }
        }
        uint64_t position = scanner->length - scanner->remaining;
        size_t taken = frame_take_payload(scanner, (size_t)(end - bytes));
        if (opcode_is_control(scanner->opcode)) {
            memcpy(client->control + position, bytes, taken);
        } else if (taken > 0) {
            take_data(load, client, bytes, taken);
        }
        bytes += taken;
        if (scanner->remaining > 0 || client->state == CLIENT_CLOSED) {
            return;
        }
        bool control = opcode_is_control(scanner->opcode), ends_message = scanner->fin;
        frame_finish(scanner);
        if (control) {
            end_control(load, client);
        } else if (ends_message) {
            end_message(load, client);
        }
    }
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
            fail_client(load, client, FAILED_UPGRADE, "the response head is over 16 KiB");
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
        fail_client(load, client, FAILED_UPGRADE, what);
        return -1;
    }
    const char *extensions = handshake_field(response, "Sec-WebSocket-Extensions", &length);
    if (extensions != NULL && load->extensions[0] == 0) {
        snprintf(load->extensions, sizeof load->extensions, "%.*s", (int)length, extensions);
    }
    size_t taken = (size_t)(end - response) + 4 - before;
    free(client->response);
    client->response = NULL;
    client->response_length = 0;
    client->state = CLIENT_OPEN;
    load->opening--;
    load->open++;
    load->counters.handshakes++;
    load->opened(load, client);
    return (ssize_t)taken;
}

static void read_all(struct load *load, struct client *client) {
    while (client->state != CLIENT_CLOSED) {
        ssize_t count = transport_read(&client->transport, chunk, CHUNK);
        if (count == TRANSPORT_BLOCKED) {
            return;
        }
        if (count <= 0) {
            if (client->state != CLIENT_CLOSING) {
                fail(load, client->state == CLIENT_OPEN ? FAILED_LOST : FAILED_UPGRADE, client,
                     count == TRANSPORT_ENDED ? "the peer ended the connection" : "a read failed");
            }
            client_drop(load, client);
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
            read_frames(load, client, chunk + taken, (size_t)(count - taken));
        }
        // Level-triggered: what is left in the socket will be announced, what TLS already took will not.
        if (client->state != CLIENT_CLOSED && !transport_holds_bytes(&client->transport) && count < CHUNK) {
            return;
        }
    }
}

void client_serve(struct load *load, struct client *client, uint32_t events) {
    if (client->state == CLIENT_CONNECTING) {
        switch (transport_handshake(&client->transport)) {
        case HANDSHAKE_DONE: send_request(load, client); break;
        case HANDSHAKE_READS: ask_for(load, client, EPOLLIN); break;
        case HANDSHAKE_WRITES: ask_for(load, client, EPOLLOUT); break;
        case HANDSHAKE_FAILED:
            fail_client(load, client, load->tls != NULL ? FAILED_TLS : FAILED_CONNECT, "connecting failed");
            break;
        }
        return;
    }
    if ((events & EPOLLOUT) != 0 && !flush(load, client)) {
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        read_all(load, client);
    }
}
