// One message to many: what a member of the room sends goes to every member, itself included. Control frames are
// between a member and the server.
#include "../wire/process.h"
#include "connection.h"

static int highest;  // descriptor that was ever in the room

void room_enter(int descriptor) {
    connections[descriptor].in_room = true;
    if (descriptor > highest) {
        highest = descriptor;
    }
}

static void tell_all(const uint8_t *frame, size_t size) {
    for (int descriptor = 0; descriptor <= highest; descriptor++) {
        if (connections[descriptor].in_use && connections[descriptor].in_room) {
            send_bytes(descriptor, frame, size);
        }
    }
}

/// The size of the whole frame at the beginning of some bytes, and its opcode; 0 while it is not whole.
static size_t whole_frame(const uint8_t *bytes, size_t count, uint8_t *opcode) {
    struct frame_scanner scanner = {0};
    size_t header = frame_scan_header(&scanner, bytes, count);
    if (!scanner.in_payload || scanner.length > count - header) {
        return 0;
    }
    *opcode = scanner.opcode;
    return header + (size_t)scanner.length;
}

void room_hear(int descriptor, size_t count) {
    struct connection *connection = &connections[descriptor];
    size_t size = echo_bytes(&connection->echo, chunk + FRAME_HEADER_LIMIT, count, chunk);
    // Whole frames alone: a member's own control frames must not come between the parts of another's message.
    pending_append(&connection->spoken, chunk, size);
    uint8_t opcode = 0;
    for (;;) {
        struct pending *spoken = &connection->spoken;
        size_t frame = whole_frame(pending_front(spoken), pending_count(spoken), &opcode);
        if (frame == 0) {
            return;
        }
        if (opcode_is_control(opcode)) {
            connection->closes_after = connection->echo.closes;
            if (!send_bytes(descriptor, pending_front(spoken), frame)) {
                return;
            }
        } else {
            tell_all(pending_front(spoken), frame);
            if (!connection->in_use) {
                return;
            }
        }
        pending_drop(spoken, frame);
    }
}
