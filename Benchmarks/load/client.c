#include "client.h"

#include <stdio.h>
#include <string.h>

#include "../wire/process.h"
#include "carrier.h"
#include "load.h"
#include "message.h"

void client_start(struct load *load, struct client *client) {
    client->started = monotonic_ns();
    client->scanner = (struct frame_scanner){0};
    client->sent = client->received = client->message_position = 0;
    client->in_message = client->message_compressed = false;
    client->state = CLIENT_CONNECTING;
    load->opening++;
    load->carrier->start(load, client);
}

void client_drop(struct load *load, struct client *client) {
    if (client->state == CLIENT_CONNECTING || client->state == CLIENT_UPGRADING) {
        load->opening--;
    } else if (client->state == CLIENT_OPEN) {
        load->open--;
    }
    load->carrier->drop(load, client);
    client->state = CLIENT_CLOSED;
    load->closed(load, client);
}

void client_fail(struct load *load, struct client *client, enum failure failure, const char *what) {
    fail(load, failure, client, what);
    client_drop(load, client);
}

void client_lost(struct load *load, struct client *client, const char *what) {
    if (client->state == CLIENT_CLOSING) {
        client_drop(load, client);
    } else {
        client_fail(load, client, client->state == CLIENT_OPEN ? FAILED_LOST : FAILED_UPGRADE, what);
    }
}

void client_opened(struct load *load, struct client *client, const char *extensions, size_t length) {
    if (load->extensions[0] == 0) {
        snprintf(load->extensions, sizeof load->extensions, "%.*s", (int)length, extensions);
    }
    client->state = CLIENT_OPEN;
    load->opening--;
    load->open++;
    load->counters.handshakes++;
    load->opened(load, client);
}

static void send_frame(struct load *load, struct client *client, uint8_t first, const uint8_t *payload, size_t size) {
    uint8_t *frame = load->carrier->room(load, client, FRAME_HEADER_LIMIT + size), key[4];
    next_mask_key(key);
    size_t header = frame_write_header(frame, first, size, key);
    frame_mask(frame + header, payload, size, key, 0);
    load->counters.bytes_sent += header + size;
    load->carrier->send(load, client, header + size);
}

/// Sends one of the messages that were compressed beforehand.
static void send_compressed(struct load *load, struct client *client) {
    const struct compressed_message *message = &load->compressed[client->sent % COMPRESSED_MESSAGES];
    uint8_t first = FRAME_FIN | FRAME_COMPRESSED | (load->options.binary ? OPCODE_BINARY : OPCODE_TEXT);
    send_frame(load, client, first, message->bytes, message->size);
}

void client_send_message(struct load *load, struct client *client, uint64_t sent_at) {
    client->sent_at[client->sent % INFLIGHT_LIMIT] = sent_at;
    if (load->compressed != NULL) {
        send_compressed(load, client);
        client->sent++;
        return;
    }
    uint64_t size = client->size;
    uint8_t *frame = load->carrier->room(load, client, FRAME_HEADER_LIMIT + (size_t)size);
    uint8_t stamp[STAMP_SIZE], key[4];
    next_mask_key(key);
    stamp_message(stamp, client->index, client->sent);
    uint8_t opcode = load->options.binary ? OPCODE_BINARY : OPCODE_TEXT;
    size_t header = frame_write_header(frame, (uint8_t)(FRAME_FIN | opcode), size, key);
    size_t stamped = size < STAMP_SIZE ? (size_t)size : STAMP_SIZE;
    frame_mask(frame + header, stamp, stamped, key, 0);
    const uint8_t *text = text_of(load->pattern, client->sent);
    frame_mask(frame + header + stamped, text + stamped, (size_t)size - stamped, key, stamped);
    client->sent++;
    load->counters.bytes_sent += header + size;
    load->carrier->send(load, client, header + (size_t)size);
}

void client_send_close(struct load *load, struct client *client) {
    static const uint8_t normal[] = {1000 >> 8, 1000 & 0xff};
    client->state = CLIENT_CLOSING;
    load->open--;
    send_frame(load, client, FRAME_FIN | OPCODE_CLOSE, normal, sizeof normal);
}

static void end_message(struct load *load, struct client *client) {
    bool whole = client->message_compressed || client->message_position == client->size;
    load->counters.compressed += client->message_compressed ? 1 : 0;
    client->in_message = false;
    client->message_position = 0;
    if (!whole || client->received == client->sent) {
        client_fail(load, client, FAILED_MISMATCH, "an echo has another length than its message");
        return;
    }
    uint64_t sent_at = client->sent_at[client->received % INFLIGHT_LIMIT];
    client->received++;
    if (client->is_bulk) {
        load->counters.bulk_echoes++;
    } else {
        load->counters.echoes++;
    }
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
        stamp_message(stamp, client->speaker, client->received);
        const uint8_t *text = text_of(load->pattern, client->received);
        if (!message_matches(text, client->size, stamp, bytes, count, client->message_position)) {
            client_fail(load, client, FAILED_MISMATCH, "an echo differs from its message");
            return;
        }
    }
    client->message_position += count;
}

static void end_control(struct load *load, struct client *client) {
    size_t length = (size_t)client->scanner.length;
    if (client->scanner.opcode == OPCODE_PING) {
        load->counters.pings++;
        send_frame(load, client, FRAME_FIN | OPCODE_PONG, client->control, length);
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

void client_receive(struct load *load, struct client *client, const uint8_t *bytes, size_t count) {
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
                client_fail(load, client, FAILED_PROTOCOL, fault);
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
