#include "engines.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#ifdef HAS_IGZIP
#include <isa-l/igzip_lib.h>
#endif

struct compressor {
    int library;
    int window_bits;
    size_t memory;
    z_stream zlib;
#ifdef HAS_IGZIP
    struct isal_zstream igzip;
    unsigned char *level_buffer;
#endif
};

/* Counts what zlib allocates. */
static void *counted(void *compressor, unsigned items, unsigned size) {
    ((struct compressor *)compressor)->memory += (size_t)items * size;
    return malloc((size_t)items * size);
}

static void uncounted(void *compressor, void *address) {
    (void)compressor;
    free(address);
}

static bool open_zlib(struct compressor *made, const struct engine *engine, const struct shape *shape) {
    made->zlib.zalloc = counted;
    made->zlib.zfree = uncounted;
    made->zlib.opaque = made;
    if (deflateInit2(
            &made->zlib, engine->level, Z_DEFLATED, -shape->window_bits, shape->memory_level, engine->strategy)
        != Z_OK)
        return false;
    const struct tuning *tuning = engine->tuning;
    return tuning == NULL
        || deflateTune(&made->zlib, tuning->good, tuning->lazy, tuning->nice, tuning->chain) == Z_OK;
}

static bool open_igzip(struct compressor *made, const struct engine *engine, const struct shape *shape) {
#ifdef HAS_IGZIP
    static const unsigned sizes[] = {0, ISAL_DEF_LVL1_SMALL, ISAL_DEF_LVL2_SMALL, ISAL_DEF_LVL3_SMALL};
    isal_deflate_init(&made->igzip);
    made->igzip.level = (unsigned)engine->level;
    made->igzip.level_buf_size = sizes[engine->level];
    if (sizes[engine->level] > 0) {
        made->level_buffer = malloc(sizes[engine->level]);
        if (made->level_buffer == NULL) return false;
        made->igzip.level_buf = made->level_buffer;
    }
    made->igzip.hist_bits = (unsigned short)shape->window_bits;
    made->igzip.flush = SYNC_FLUSH;
    made->window_bits = shape->window_bits;
    made->memory = sizeof made->igzip + sizes[engine->level];
    return true;
#else
    (void)made, (void)engine, (void)shape;
    return false;
#endif
}

struct compressor *open_compressor(const struct engine *engine, const struct shape *shape) {
    struct compressor *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->library = engine->library;
    if (engine->library == ZLIB ? open_zlib(made, engine, shape) : open_igzip(made, engine, shape)) return made;
    close_compressor(made);
    return NULL;
}

size_t compress_message(
    struct compressor *compressor, const void *input, size_t length, void *output, size_t capacity) {
#ifdef HAS_IGZIP
    if (compressor->library == IGZIP) {
        struct isal_zstream *stream = &compressor->igzip;
        stream->next_in = (unsigned char *)input;
        stream->avail_in = (unsigned)length;
        stream->next_out = output;
        stream->avail_out = (unsigned)capacity;
        if (isal_deflate(stream) != COMP_OK || stream->avail_in > 0) return 0;
        return capacity - stream->avail_out - 4;
    }
#endif
    z_stream *stream = &compressor->zlib;
    stream->next_in = (unsigned char *)input;
    stream->avail_in = (unsigned)length;
    stream->next_out = output;
    stream->avail_out = (unsigned)capacity;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0) return 0;
    return capacity - stream->avail_out - 4;
}

void forget_window(struct compressor *compressor) {
#ifdef HAS_IGZIP
    if (compressor->library == IGZIP) {
        isal_deflate_reset(&compressor->igzip);
        compressor->igzip.flush = SYNC_FLUSH;
        compressor->igzip.hist_bits = (unsigned short)compressor->window_bits;
        return;
    }
#endif
    deflateReset(&compressor->zlib);
}

size_t compressor_memory(const struct compressor *compressor) { return compressor->memory; }

void close_compressor(struct compressor *compressor) {
    if (compressor->library == ZLIB) deflateEnd(&compressor->zlib);
#ifdef HAS_IGZIP
    free(compressor->level_buffer);
#endif
    free(compressor);
}
