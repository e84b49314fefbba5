// Connections that open and close at once, one after another: what a handshake costs.
#include <stdio.h>
#include <stdlib.h>

#include "../wire/process.h"
#include "load.h"

// Connections to start again; kept until the events at hand are served, for they may still name the old ones.
static uint32_t *waiting;
static uint32_t waiting_count;
static uint64_t started, ended;  // connections

static void opened(struct load *load, struct client *client) {
    if (load->counting) {
        histogram_record(&load->latency, monotonic_ns() - client->started);
    }
    client_send_close(load, client);
}

static void echoed(struct load *load, struct client *client, uint64_t sent_at) {
    (void)load;
    (void)client;
    (void)sent_at;
}

static void closed(struct load *load, struct client *client) {
    (void)load;
    ended++;
    waiting[waiting_count++] = client->index;
}

/// With an exact number of connections, none begins beyond it.
static bool may_start(const struct load *load) {
    return load->options.messages == 0 || started < load->options.messages;
}

static void start_waiting(struct load *load) {
    uint32_t count = waiting_count;
    waiting_count = 0;
    for (uint32_t index = 0; index < count && may_start(load); index++) {
        started++;
        // `closed` may put this one back into the list, never beyond `index`: its slot has been read.
        client_start(load, &load->clients[waiting[index]]);
    }
}

int run_churn(struct load *load) {
    load->opened = opened;
    load->echoed = echoed;
    load->closed = closed;
    const struct options *options = &load->options;
    waiting = calloc(options->connections, sizeof *waiting);
    if (waiting == NULL) {
        die("out of memory for %u connections", options->connections);
    }
    for (uint32_t index = 0; index < options->connections; index++) {
        waiting[waiting_count++] = index;
    }
    bool is_exact = options->messages > 0;
    uint64_t begins = monotonic_ns() + (is_exact ? 0 : (uint64_t)(options->warmup * 1e9));
    uint64_t ends = begins + (uint64_t)((is_exact ? options->setup_timeout : options->duration) * 1e9);
    for (uint64_t now = 0; now < ends && (!is_exact || ended < options->messages); now = monotonic_ns()) {
        if (!load->counting && now >= begins) {
            begin_counting(load);
        }
        start_waiting(load);
        serve_events(load, 1000000);
        if (failures_of(load) > 1000) {
            fputs("load: over 1000 handshakes failed, giving up\n", stderr);
            break;
        }
    }
    end_counting(load);
    report(load, "churn");
    bool complete = !is_exact || load->counted.handshakes == options->messages;
    return failures_of(load) == 0 && load->counted.handshakes > 0 && complete ? 0 : 1;
}
