// The command line of `load`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mode { MODE_ECHO, MODE_IDLE, MODE_CHURN, MODE_FANOUT };

enum {
    WATCHED_LIMIT = 16,
    INFLIGHT_LIMIT = 64,
};

struct options {
    enum mode mode;

    bool tls;
    char host[64];  // dotted IPv4
    uint16_t port;
    char path[512];

    uint32_t connections;         // WebSockets
    bool http2;                   // each a stream (RFC 8441) …
    uint32_t client_connections;  // … of one of this many connections
    uint32_t batch;     // opening handshakes under way at once
    uint64_t size;      // payload bytes of a message
    uint32_t inflight;  // messages under way on one connection
    bool binary;        // binary messages instead of text ones
    double rate;        // messages a second over all connections; 0: as fast as the echoes return
    uint64_t messages;  // exact count instead of a time; 0: by time
    double warmup, duration, setup_timeout;  // seconds
    bool offers_deflate;
    bool compresses;  // messages go out compressed; implies the offer
    bool resumes;     // TLS sessions are resumed by the tickets that the peer sent
    uint64_t bulk_size;      // of the last WebSocket's messages, sent as fast as echoes return; 0: none is special
    uint32_t bulk_inflight;  // of them under way

    int watched[WATCHED_LIMIT];  // processes whose CPU time is taken at the ends of the measured time
    size_t watched_count;
};

/// Reads the command line; prints what is wrong with it, or the usage, and exits with status 2.
struct options parse_options(int count, char **arguments);
