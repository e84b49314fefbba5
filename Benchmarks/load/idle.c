// Connections that are held and say nothing, but answer pings. `touch` on stdin makes each speak once.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../wire/process.h"
#include "load.h"
#include "message.h"

static uint32_t echoed_count;

static void ignore(struct load *load, struct client *client) {
    (void)load;
    (void)client;
}

static void echoed(struct load *load, struct client *client, uint64_t sent_at) {
    (void)client;
    echoed_count++;
    histogram_record(&load->latency, monotonic_ns() - sent_at);
}

static void watch(struct load *load, int descriptor, uint32_t name) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = name};
    // A file as stdin cannot be watched; a signal still ends the run then.
    epoll_ctl(load->poller, EPOLL_CTL_ADD, descriptor, &event);
}

static int open_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

enum { MOST_UNDER_WAY = 8 << 20 };  // bytes of messages, or one message that is longer

/// One echo of so many bytes on each connection, a batch at a time, so that no proxy sees a burst of all of them.
static void touch_all(struct load *load, uint64_t size) {
    echoed_count = 0;
    if (size > load->options.size) {
        free(load->pattern);
        load->pattern = make_pattern(size);
        load->options.size = size;
    }
    uint64_t fitting = size > 0 ? MOST_UNDER_WAY / size : load->options.batch;
    uint32_t batch = fitting < load->options.batch ? (uint32_t)(fitting > 0 ? fitting : 1) : load->options.batch;
    uint32_t sent = 0;
    uint64_t limit = monotonic_ns() + (uint64_t)(load->options.setup_timeout * 1e9);
    for (uint32_t index = 0; index < load->options.connections; index++) {
        struct client *client = &load->clients[index];
        if (client->state == CLIENT_OPEN) {
            client->size = size;
            client_send_message(load, client, monotonic_ns());
            sent++;
        }
        while (sent - echoed_count >= batch && load->open > 0 && monotonic_ns() < limit) {
            serve_events(load, 10 * 1000000);
        }
    }
    while (echoed_count < sent && load->open > 0 && monotonic_ns() < limit) {
        serve_events(load, 10 * 1000000);
    }
    printf("touched %u\n", echoed_count);
    fflush(stdout);
}

/// Reads a command; false at the end of stdin.
static bool read_command(struct load *load) {
    char line[64];
    ssize_t count = read(STDIN_FILENO, line, sizeof line - 1);
    if (count <= 0) {
        return false;
    }
    line[count] = 0;
    unsigned long long size = load->options.size;
    if (sscanf(line, "touch %llu", &size) == 1 || strcmp(line, "touch\n") == 0) {
        touch_all(load, size);
    }
    return true;
}

int run_idle(struct load *load) {
    load->opened = ignore;
    load->closed = ignore;
    load->echoed = echoed;
    int signals = open_signals();
    bool complete = open_all(load);
    begin_counting(load);
    printf("ready %u\n", load->open);
    fflush(stdout);
    watch(load, signals, EVENT_SIGNAL);
    watch(load, STDIN_FILENO, EVENT_INPUT);
    for (;;) {
        unsigned served = serve_events(load, -1);
        if ((served & SERVED_SIGNAL) != 0 || ((served & SERVED_INPUT) != 0 && !read_command(load))) {
            break;
        }
    }
    end_counting(load);
    close_all(load);
    report(load, "idle");
    return complete && failures_of(load) == 0 ? 0 : 1;
}
