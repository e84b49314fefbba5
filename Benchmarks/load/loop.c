// The event loop, and what every mode does with it: open, close.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "../wire/process.h"
#include "load.h"

enum { LOOP_EVENTS = 512 };

unsigned serve_events(struct load *load, int64_t wait_ns) {
    load->carrier->flush(load);
    static struct epoll_event events[LOOP_EVENTS];
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    int ready = epoll_pwait2(load->poller, events, LOOP_EVENTS, wait_ns < 0 ? NULL : &wait, NULL);
    if (ready < 0 && errno != EINTR) {
        die("epoll_pwait2: %s", strerror(errno));
    }
    unsigned others = 0;
    for (int index = 0; index < ready; index++) {
        uint32_t name = events[index].data.u32;
        if (name == EVENT_INPUT || name == EVENT_SIGNAL) {
            others |= name == EVENT_INPUT ? SERVED_INPUT : SERVED_SIGNAL;
        } else {
            load->carrier->serve(load, name, events[index].events);
        }
    }
    return others;
}

bool open_all(struct load *load) {
    uint32_t next = 0, count = load->options.connections;
    uint64_t limit = monotonic_ns() + (uint64_t)(load->options.setup_timeout * 1e9);
    while (next < count || load->opening > 0) {
        while (next < count && load->opening < load->options.batch) {
            client_start(load, &load->clients[next++]);
        }
        serve_events(load, 100 * 1000000);
        if (monotonic_ns() > limit) {
            fprintf(stderr, "load: %u of %u connections were open after %.0f s\n", load->open, count,
                    load->options.setup_timeout);
            return false;
        }
    }
    return load->open == count;
}

void close_all(struct load *load) {
    uint32_t count = load->options.connections;
    for (uint32_t index = 0; index < count; index++) {
        if (load->clients[index].state == CLIENT_OPEN) {
            client_send_close(load, &load->clients[index]);
        }
    }
    uint64_t limit = monotonic_ns() + 5000000000u;
    for (uint32_t index = 0; index < count; index++) {
        struct client *client = &load->clients[index];
        while (client->state == CLIENT_CLOSING && monotonic_ns() < limit) {
            serve_events(load, 100 * 1000000);
        }
        if (client->state == CLIENT_CLOSING) {
            fail(load, FAILED_LOST, client, "no Close came back within 5 s");
            client_drop(load, client);
        }
    }
    load->carrier->finish(load);
}
