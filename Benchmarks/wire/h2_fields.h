// Field sections (RFC 7541): written as literals without Huffman, read with nghttp2's inflater, for proxies use all
// of HPACK.
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Appends a pseudo-header or field; `out` has room for both strings and eight bytes. Returns the size written.
size_t h2_write_field(uint8_t *out, const char *name, const char *value);

/// What these tools want to know of a request or response.
struct h2_fields {
    char status[8];
    char method[16];
    char protocol[16];
    char extensions[256];  // Sec-WebSocket-Extensions
};

/// Reads a part of a field section; `last` with its end. Returns false when it is not valid HPACK.
bool h2_read_fields(nghttp2_hd_inflater *inflater, struct h2_fields *fields, const uint8_t *bytes, size_t count,
                    bool last);
