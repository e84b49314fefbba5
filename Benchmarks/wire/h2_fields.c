#include "h2_fields.h"

#include <string.h>

/// A string (RFC 7541 §5.2) that is not Huffman-coded.
static size_t write_string(uint8_t *out, const char *text) {
    size_t length = strlen(text), size = 0;
    if (length < 0x7f) {
        out[size++] = (uint8_t)length;
    } else {
        out[size++] = 0x7f;
        size_t rest = length - 0x7f;
        for (; rest >= 0x80; rest >>= 7) {
            out[size++] = (uint8_t)(0x80 | (rest & 0x7f));
        }
        out[size++] = (uint8_t)rest;
    }
    memcpy(out + size, text, length);
    return size + length;
}

size_t h2_write_field(uint8_t *out, const char *name, const char *value) {
    out[0] = 0;  // literal without indexing, new name (§6.2.2)
    size_t size = 1 + write_string(out + 1, name);
    return size + write_string(out + size, value);
}

static void keep(char *place, size_t room, const nghttp2_nv *field) {
    size_t length = field->valuelen < room - 1 ? field->valuelen : room - 1;
    memcpy(place, field->value, length);
    place[length] = 0;
}

static bool is_named(const nghttp2_nv *field, const char *name) {
    return field->namelen == strlen(name) && memcmp(field->name, name, field->namelen) == 0;
}

static void take(struct h2_fields *fields, const nghttp2_nv *field) {
    if (is_named(field, ":status")) {
        keep(fields->status, sizeof fields->status, field);
    } else if (is_named(field, ":method")) {
        keep(fields->method, sizeof fields->method, field);
    } else if (is_named(field, ":protocol")) {
        keep(fields->protocol, sizeof fields->protocol, field);
    } else if (is_named(field, "sec-websocket-extensions")) {
        keep(fields->extensions, sizeof fields->extensions, field);
    }
}

bool h2_read_fields(nghttp2_hd_inflater *inflater, struct h2_fields *fields, const uint8_t *bytes, size_t count,
                    bool last) {
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t taken = nghttp2_hd_inflate_hd2(inflater, &field, &flags, bytes, count, last);
        if (taken < 0) {
            return false;
        }
        bytes += taken;
        count -= (size_t)taken;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            take(fields, &field);
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            nghttp2_hd_inflate_end_headers(inflater);
            return count == 0;
        }
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && count == 0) {
            return !last;
        }
    }
}
