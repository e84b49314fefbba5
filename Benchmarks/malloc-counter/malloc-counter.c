// A library for LD_PRELOAD that keeps account of what malloc has given out: for each place in the program, by the calls
// that lead there, how many bytes were asked for and not given back. SIGUSR2 writes the account to a file.
//
// MALLOC_COUNTER_OUTPUT names the file; the number of the account, from 1, is added to it. A line for each place:
//     BYTES_ASKED_FOR BYTES_TAKEN ALLOCATIONS ADDRESS ADDRESS …
// with the innermost address first, behind a copy of /proc/self/maps and an empty line.
#include <execinfo.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    DEPTH = 40,
    OWN_FRAMES = 2,  // of `note` and the function that took malloc's place
    PLACES = 1 << 16,
    BLOCKS = 1 << 23,  // memory is taken when it is touched
    CHUNK_OVERHEAD = 8,  // what glibc keeps beside each block
};

struct place {
    uint64_t hash;
    uint64_t asked, taken, count;
    int depth;
    void *frames[DEPTH];
};

struct block {
    void *address;  // NULL: never used; `GONE`: given back
    uint64_t asked;
    uint32_t taken, place;
};

#define GONE ((void *)1)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static struct place *places;
static struct block *blocks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_counting, is_full;
// `backtrace` allocates when it is first called; and a program's thread may be new.
static __thread bool is_inside __attribute__((tls_model("initial-exec")));

static uint64_t mixed(uint64_t value) {
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdu;
    return value ^ value >> 29;
}

/// The place with these frames, a new one when there is none yet.
static uint32_t place_of(void *const *frames, int depth) {
    uint64_t hash = (uint64_t)depth;
    for (int index = 0; index < depth; index++) {
        hash = mixed(hash ^ (uint64_t)frames[index]);
    }
    hash |= 1;
    for (uint32_t index = (uint32_t)(hash % PLACES), tried = 0; tried < PLACES; index = (index + 1) % PLACES, tried++) {
        struct place *place = &places[index];
        if (place->hash == 0) {
            place->hash = hash;
            place->depth = depth;
            memcpy(place->frames, frames, (size_t)depth * sizeof *frames);
        }
        if (place->hash == hash) {
            return index;
        }
    }
    is_full = true;
    return 0;
}

static struct block *find(void *address, bool is_new) {
    struct block *free_block = NULL;
    uint32_t index = (uint32_t)(mixed((uint64_t)address) % BLOCKS);
    for (uint32_t tried = 0; tried < BLOCKS; index = (index + 1) % BLOCKS, tried++) {
        struct block *block = &blocks[index];
        if (block->address == address) {
            return block;
        }
        if (block->address == GONE && free_block == NULL) {
            free_block = block;
        }
        if (block->address == NULL) {
            return is_new ? (free_block != NULL ? free_block : block) : NULL;
        }
    }
    return is_new ? free_block : NULL;
}

static void note(void *address, size_t asked) {
    if (!is_counting || is_inside || address == NULL) {
        return;
    }
    is_inside = true;
    void *frames[DEPTH + OWN_FRAMES];
    int depth = backtrace(frames, DEPTH + OWN_FRAMES) - OWN_FRAMES;
    pthread_mutex_lock(&lock);
    struct block *block = find(address, true);
    if (block == NULL || depth <= 0) {
        is_full = is_full || block == NULL;
    } else {
        uint32_t taken = (uint32_t)(malloc_usable_size(address) + CHUNK_OVERHEAD);
        *block = (struct block){address, asked, taken, place_of(frames + OWN_FRAMES, depth)};
        struct place *place = &places[block->place];
        place->asked += asked;
        place->taken += taken;
        place->count++;
    }
    pthread_mutex_unlock(&lock);
    is_inside = false;
}

static void forget(void *address) {
    if (!is_counting || is_inside || address == NULL) {
        return;
    }
    pthread_mutex_lock(&lock);
    struct block *block = find(address, false);
    if (block != NULL) {
        struct place *place = &places[block->place];
        place->asked -= block->asked;
        place->taken -= block->taken;
        place->count--;
        block->address = GONE;
    }
    pthread_mutex_unlock(&lock);
}

void *malloc(size_t size) {
    void *address = __libc_malloc(size);
    note(address, size);
    return address;
}

void *calloc(size_t count, size_t size) {
    void *address = __libc_calloc(count, size);
    note(address, count * size);
    return address;
}

void *realloc(void *old, size_t size) {
    forget(old);
    void *address = __libc_realloc(old, size);
    note(address, size);
    return address;
}

void *memalign(size_t alignment, size_t size) {
    void *address = __libc_memalign(alignment, size);
    note(address, size);
    return address;
}

void *aligned_alloc(size_t alignment, size_t size) {
    void *address = __libc_memalign(alignment, size);
    note(address, size);
    return address;
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    void *address = __libc_memalign(alignment, size);
    note(address, size);
    if (address == NULL) {
        return 12;  // ENOMEM
    }
    *result = address;
    return 0;
}

void free(void *address) {
    forget(address);
    __libc_free(address);
}

static void copy_maps(FILE *out) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        fputs(line, out);
    }
    if (maps != NULL) {
        fclose(maps);
    }
    fputc('\n', out);
}

static void write_account(const char *base, int number) {
    char path[1024], whole[1100];
    snprintf(path, sizeof path, "%s.%d", base, number);
    snprintf(whole, sizeof whole, "%s.part", path);
    FILE *out = fopen(whole, "w");
    if (out == NULL) {
        return;
    }
    copy_maps(out);
    pthread_mutex_lock(&lock);
    for (uint32_t index = 0; index < PLACES; index++) {
        const struct place *place = &places[index];
        if (place->count > 0) {
            fprintf(out, "%llu %llu %llu", (unsigned long long)place->asked, (unsigned long long)place->taken,
                    (unsigned long long)place->count);
            for (int frame = 0; frame < place->depth; frame++) {
                fprintf(out, " %p", place->frames[frame]);
            }
            fputc('\n', out);
        }
    }
    if (is_full) {
        fputs("full\n", out);
    }
    pthread_mutex_unlock(&lock);
    fclose(out);
    rename(whole, path);  // who waits for the file finds it whole
}

static void *serve(void *output) {
    is_inside = true;  // its own memory is nobody's business
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR2);
    int received = 0;
    for (int number = 1; sigwait(&wanted, &received) == 0; number++) {
        write_account(output, number);
    }
    return NULL;
}

static void *reserve(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

__attribute__((constructor)) static void begin(void) {
    char *output = getenv("MALLOC_COUNTER_OUTPUT");
    if (output == NULL) {
        return;
    }
    places = reserve(PLACES * sizeof *places);
    blocks = reserve(BLOCKS * sizeof *blocks);
    void *frames[4];
    backtrace(frames, 4);  // loads what it needs
    // Blocked in every thread that is made from here on, so that only the one below takes it.
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    pthread_t thread;
    if (places == NULL || blocks == NULL || pthread_create(&thread, NULL, serve, output) != 0) {
        fputs("malloc-counter: no memory or thread to count with\n", stderr);
        return;
    }
    is_counting = true;
}
