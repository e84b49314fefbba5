// Messages and their echoes: as fast as they return, at a given pace, or an exact number of them.
#include <stdio.h>

#include "../wire/process.h"
#include "load.h"

#define STALL_NS 60000000000u

static bool sending;
static uint64_t sent_total;

static bool may_send(const struct load *load) {
    return sending && (load->options.messages == 0 || sent_total < load->options.messages);
}

static void send_at(struct load *load, struct client *client, uint64_t time) {
    sent_total += client->is_bulk ? 0 : 1;
    client_send_message(load, client, time);
}

static void opened(struct load *load, struct client *client) {
    (void)load;
    (void)client;
}

static void echoed(struct load *load, struct client *client, uint64_t sent_at) {
    uint64_t now = monotonic_ns();
    if (client->is_bulk) {
        if (sending && client->state == CLIENT_OPEN) {
            send_at(load, client, now);
        }
        return;
    }
    if (load->counting) {
        histogram_record(&load->latency, now > sent_at ? now - sent_at : 0);
    }
    if (load->options.rate <= 0 && may_send(load) && client->state == CLIENT_OPEN) {
        send_at(load, client, now);
    }
}

static uint32_t paced_connections(const struct load *load) {
    return load->options.connections - (load->options.bulk_size > 0 ? 1 : 0);
}

static void send_first_bulk(struct load *load) {
    struct client *client = &load->clients[load->options.connections - 1];
    for (uint32_t count = 0; client->is_bulk && client->state == CLIENT_OPEN && count < load->options.bulk_inflight;
         count++) {
        send_at(load, client, monotonic_ns());
    }
}

/// Fills every connection up to its `--inflight`; from there on each echo sends the next message.
static void send_first(struct load *load) {
    for (uint32_t round = 0; round < load->options.inflight; round++) {
        for (uint32_t index = 0; index < paced_connections(load) && may_send(load); index++) {
            struct client *client = &load->clients[index];
            if (client->state == CLIENT_OPEN) {
                send_at(load, client, monotonic_ns());
            }
        }
    }
}

static struct client *next_free_client(struct load *load) {
    static uint32_t cursor;
    for (uint32_t tried = 0; tried < paced_connections(load); tried++) {
        struct client *client = &load->clients[cursor];
        cursor = (cursor + 1) % paced_connections(load);
        if (client->state == CLIENT_OPEN && client->sent - client->received < load->options.inflight) {
            return client;
        }
    }
    return NULL;
}

/// Sends what is due. A message that finds every connection busy waits, and its latency counts from when it was due.
static void keep_pace(struct load *load, double *due, double interval) {
    while (may_send(load) && *due <= (double)monotonic_ns()) {
        struct client *client = next_free_client(load);
        if (client == NULL) {
            return;
        }
        send_at(load, client, (uint64_t)*due);
        *due += interval;
    }
}

static bool is_over(struct load *load, uint64_t begins, uint64_t ends) {
    if (load->options.messages > 0) {
        return load->counters.echoes >= load->options.messages;
    }
    uint64_t now = monotonic_ns();
    if (!load->counting && now >= begins) {
        begin_counting(load);
    }
    return now >= ends;
}

static void exchange(struct load *load) {
    const struct options *options = &load->options;
    double interval = options->rate > 0 ? 1e9 / options->rate : 0;
    uint64_t start = monotonic_ns();
    uint64_t begins = start + (uint64_t)(options->warmup * 1e9);
    uint64_t ends = begins + (uint64_t)(options->duration * 1e9);
    double due = (double)start;
    uint64_t echoes = 0, progress = start;
    if (options->messages > 0) {
        begin_counting(load);
    }
    sending = true;
    send_first_bulk(load);
    if (interval <= 0) {
        send_first(load);
    }
    while (load->open > 0 && !is_over(load, begins, ends)) {
        int64_t wait = 1000000;
        if (interval > 0) {
            keep_pace(load, &due, interval);
            double until = due - (double)monotonic_ns();
            wait = until < 0 ? 100000 : until < 1e6 ? (int64_t)until : 1000000;
        }
        serve_events(load, wait);
        if (load->counters.echoes != echoes) {
            echoes = load->counters.echoes;
            progress = monotonic_ns();
        } else if (monotonic_ns() - progress > STALL_NS) {
            fail(load, FAILED_LOST, &load->clients[0], "no echo on any connection for 60 s");
            break;
        }
    }
    sending = false;
    end_counting(load);
}

int run_echo(struct load *load) {
    load->opened = opened;
    load->echoed = echoed;
    load->closed = opened;
    if (open_all(load)) {
        exchange(load);
        close_all(load);
    }
    report(load, "echo");
    bool complete = load->options.messages == 0 || load->counted.echoes == load->options.messages;
    return failures_of(load) == 0 && load->counted.echoes > 0 && complete ? 0 : 1;
}
