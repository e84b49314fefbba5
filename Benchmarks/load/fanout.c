// One message to many: the first WebSocket speaks, the server's room tells all, and the next message goes when all have
// the one before.
#include <stdio.h>

#include "../wire/process.h"
#include "load.h"

#define STALL_NS 30000000000u

static uint32_t missing;  // of the message under way

static void ignore(struct load *load, struct client *client) {
    (void)load;
    (void)client;
}

static void speak(struct load *load) {
    uint64_t now = monotonic_ns();
    struct client *speaker = &load->clients[0];
    missing = load->open;
    client_send_message(load, speaker, now);
    for (uint32_t index = 1; index < load->options.connections; index++) {
        struct client *client = &load->clients[index];
        client->sent_at[client->sent++ % INFLIGHT_LIMIT] = now;
    }
}

static void echoed(struct load *load, struct client *client, uint64_t sent_at) {
    (void)client;
    if (load->counting) {
        histogram_record(&load->latency, monotonic_ns() - sent_at);
    }
    missing--;
}

static void exchange(struct load *load) {
    const struct options *options = &load->options;
    uint64_t begins = monotonic_ns() + (uint64_t)(options->warmup * 1e9);
    uint64_t ends = begins + (uint64_t)(options->duration * 1e9);
    double interval = options->rate > 0 ? 1e9 / options->rate : 0, due = (double)monotonic_ns();
    for (uint64_t now = 0; now < ends && failures_of(load) == 0; now = monotonic_ns()) {
        if (!load->counting && now >= begins) {
            begin_counting(load);
        }
        while ((double)monotonic_ns() < due) {
            serve_events(load, (int64_t)(due - (double)monotonic_ns()) + 1);
        }
        due = due + interval > (double)monotonic_ns() ? due + interval : (double)monotonic_ns();
        speak(load);
        uint64_t limit = monotonic_ns() + STALL_NS;
        while (missing > 0 && failures_of(load) == 0) {
            serve_events(load, 10 * 1000000);
            if (monotonic_ns() > limit) {
                fail(load, FAILED_LOST, &load->clients[0], "a message did not reach all within 30 s");
            }
        }
    }
    end_counting(load);
}

int run_fanout(struct load *load) {
    load->opened = ignore;
    load->closed = ignore;
    load->echoed = echoed;
    if (open_all(load)) {
        exchange(load);
        close_all(load);
    }
    report(load, "fanout");
    return failures_of(load) == 0 && load->counted.echoes > 0 ? 0 : 1;
}
