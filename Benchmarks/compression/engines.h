/* Compressors of raw DEFLATE that keep a window between messages (RFC 7692 §7.2.1). */
#ifndef ENGINES_H
#define ENGINES_H

#include <stdbool.h>
#include <stddef.h>

struct tuning {
    int good, lazy, nice, chain;
};

struct engine {
    const char *name;
    enum { ZLIB, IGZIP } library;
    int level;
    int strategy;
    const struct tuning *tuning;
};

struct shape {
    int window_bits;
    int memory_level;
    bool takeover;
};

struct compressor;

/* NULL when this machine has not the library, or the library refuses the parameters. */
struct compressor *open_compressor(const struct engine *engine, const struct shape *shape);
/* Compresses a message and flushes it; gives the bytes written, without the tail of four. */
size_t compress_message(
    struct compressor *compressor, const void *input, size_t length, void *output, size_t capacity);
void forget_window(struct compressor *compressor);
size_t compressor_memory(const struct compressor *compressor);
void close_compressor(struct compressor *compressor);

#endif
