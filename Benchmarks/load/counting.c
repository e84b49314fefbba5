// What is counted: the events of the counted time, and failures at any time.
#include <stdio.h>

#include "../wire/process.h"
#include "load.h"

void begin_counting(struct load *load) {
    load->counting = true;
    load->before = load->counters;
    load->cpu_before = cpu_time_of(load->options.watched, load->options.watched_count);
    load->began = monotonic_ns();
}

void end_counting(struct load *load) {
    load->ended = monotonic_ns();
    struct cpu_time now = cpu_time_of(load->options.watched, load->options.watched_count);
    load->cpu = (struct cpu_time){.total = now.total - load->cpu_before.total,
                                  .user = now.user - load->cpu_before.user,
                                  .system = now.system - load->cpu_before.system};
    struct counters *counted = &load->counted;
    *counted = load->counters;
    counted->echoes -= load->before.echoes;
    counted->bulk_echoes -= load->before.bulk_echoes;
    counted->handshakes -= load->before.handshakes;
    counted->resumed -= load->before.resumed;
    counted->compressed -= load->before.compressed;
    counted->bytes_sent -= load->before.bytes_sent;
    counted->bytes_received -= load->before.bytes_received;
    load->counting = false;
}

uint64_t failures_of(const struct load *load) {
    uint64_t sum = 0;
    for (int index = 0; index < FAILURES; index++) {
        sum += load->counters.failures[index];
    }
    return sum;
}

void fail(struct load *load, enum failure failure, const struct client *client, const char *what) {
    if (failures_of(load) < 5) {
        fprintf(stderr, "load: connection %u: %s\n", client->index, what);
    }
    load->counters.failures[failure]++;
}
