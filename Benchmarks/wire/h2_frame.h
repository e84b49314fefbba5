// RFC 9113 §4 and §6: the names and numbers of HTTP/2 frames, and how their headers are written and read.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum h2_type {
    H2_DATA = 0x0,
    H2_HEADERS = 0x1,
    H2_PRIORITY = 0x2,
    H2_RST_STREAM = 0x3,
    H2_SETTINGS = 0x4,
    H2_PUSH_PROMISE = 0x5,
    H2_PING = 0x6,
    H2_GOAWAY = 0x7,
    H2_WINDOW_UPDATE = 0x8,
    H2_CONTINUATION = 0x9,
};

enum h2_flag {
    H2_ACK = 0x1,
    H2_END_STREAM = 0x1,
    H2_END_HEADERS = 0x4,
    H2_PADDED = 0x8,
    H2_PRIORITIZED = 0x20,
};

enum h2_setting {
    H2_SETTINGS_ENABLE_PUSH = 0x2,
    H2_SETTINGS_MAX_CONCURRENT_STREAMS = 0x3,
    H2_SETTINGS_INITIAL_WINDOW_SIZE = 0x4,
    H2_SETTINGS_MAX_FRAME_SIZE = 0x5,
    H2_SETTINGS_ENABLE_CONNECT_PROTOCOL = 0x8,  // RFC 8441 §3
};

enum h2_code {
    H2_NO_ERROR = 0x0,
    H2_PROTOCOL_ERROR = 0x1,
    H2_FLOW_CONTROL_ERROR = 0x3,
    H2_STREAM_CLOSED = 0x5,
    H2_FRAME_SIZE_ERROR = 0x6,
    H2_CANCEL = 0x8,
    H2_COMPRESSION_ERROR = 0x9,
};

enum {
    H2_HEADER_SIZE = 9,
    H2_FRAME_LIMIT = 16384,  // payload bytes of a frame, unless SETTINGS_MAX_FRAME_SIZE says more
    H2_DEFAULT_WINDOW = 65535,
    H2_PREFACE_SIZE = 24,
};

#define H2_WINDOW_LIMIT 0x7fffffff

/// What a client sends first (§3.4).
#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static inline void h2_write_u32(uint8_t *out, uint32_t value) {
    out[0] = (uint8_t)(value >> 24);
    out[1] = (uint8_t)(value >> 16);
    out[2] = (uint8_t)(value >> 8);
    out[3] = (uint8_t)value;
}

static inline uint32_t h2_read_u32(const uint8_t *in) {
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static inline void h2_write_header(uint8_t *out, size_t length, uint8_t type, uint8_t flags, uint32_t stream) {
    out[0] = (uint8_t)(length >> 16);
    out[1] = (uint8_t)(length >> 8);
    out[2] = (uint8_t)length;
    out[3] = type;
    out[4] = flags;
    h2_write_u32(out + 5, stream);
}
