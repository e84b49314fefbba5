// The state every mode of `load` shares.
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "carrier.h"
#include "client.h"
#include "cpu.h"
#include "failure.h"
#include "compressed.h"
#include "histogram.h"
#include "options.h"

struct counters {
    uint64_t echoes, handshakes;
    uint64_t resumed;  // TLS handshakes that went by a ticket
    uint64_t bulk_echoes;  // those of the bulk client, which `echoes` leaves out
    uint64_t compressed;  // echoes that came compressed: counted, not compared
    uint64_t pings;
    uint64_t bytes_sent, bytes_received;  // frames, without TLS
    uint64_t failures[FAILURES];
};

struct load {
    struct options options;
    int poller;
    SSL_CTX *tls;
    const struct carrier *carrier;
    struct client *clients;
    uint32_t open;      // in state CLIENT_OPEN
    uint32_t opening;   // between connect and the answer to the handshake
    char extensions[256];  // Sec-WebSocket-Extensions of the first answer
    uint8_t *pattern;      // what every payload holds behind its stamp
    struct compressed_message *compressed;  // what is sent with `--compress`, in turn
    struct counters counters;
    struct histogram latency;

    // The counted time.
    bool counting;
    uint64_t began, ended;  // ns
    struct counters before, counted;
    struct cpu_time cpu_before, cpu;

    // What the mode does when something happens to a client; none may free another client.
    void (*opened)(struct load *load, struct client *client);
    void (*echoed)(struct load *load, struct client *client, uint64_t sent_at);
    void (*closed)(struct load *load, struct client *client);
};

/// epoll's names for descriptors that are not clients, and the bits `serve_events` returns for them.
#define EVENT_INPUT UINT32_MAX
#define EVENT_SIGNAL (UINT32_MAX - 1)
enum { SERVED_INPUT = 1, SERVED_SIGNAL = 2 };

/// Waits for events, at most `wait_ns` (negative: without limit), and serves those of the clients.
unsigned serve_events(struct load *load, int64_t wait_ns);

/// Opens connections until all are open or the setup time is over; false when some could not be opened.
bool open_all(struct load *load);

/// Says Close on every connection and waits a little for the answers.
void close_all(struct load *load);

void begin_counting(struct load *load);
void end_counting(struct load *load);

uint64_t failures_of(const struct load *load);
void fail(struct load *load, enum failure failure, const struct client *client, const char *what);

/// Prints the JSON object.
void report(const struct load *load, const char *mode);

int run_echo(struct load *load);
int run_idle(struct load *load);
int run_churn(struct load *load);
int run_fanout(struct load *load);
