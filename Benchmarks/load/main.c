// A WebSocket load generator: one thread, epoll, OpenSSL.
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "../wire/process.h"
#include "load.h"
#include "message.h"

int main(int count, char **arguments) {
    static struct load load;
    load.options = parse_options(count, arguments);
    signal(SIGPIPE, SIG_IGN);
    uint64_t limit = raise_descriptor_limit();
    uint32_t descriptors = load.options.http2 ? load.options.client_connections : load.options.connections;
    if (descriptors + 16 > limit) {
        die("%u connections are asked for, but this process may open only %llu descriptors", descriptors,
            (unsigned long long)limit);
    }
    load.poller = epoll_create1(EPOLL_CLOEXEC);
    load.clients = calloc(load.options.connections, sizeof *load.clients);
    if (load.poller < 0 || load.clients == NULL) {
        die("cannot hold %u connections", load.options.connections);
    }
    for (uint32_t index = 0; index < load.options.connections; index++) {
        load.clients[index].index = index;
        load.clients[index].speaker = load.options.mode == MODE_FANOUT ? 0 : index;
        load.clients[index].transport.descriptor = -1;
        load.clients[index].size = load.options.size;
    }
    if (load.options.bulk_size > 0) {
        struct client *last = &load.clients[load.options.connections - 1];
        last->size = load.options.bulk_size;
        last->is_bulk = true;
    }
    if (load.options.tls) {
        load.tls = transport_make_context(load.options.mode == MODE_IDLE, load.options.http2 ? "h2" : "http/1.1");
    }
    if (load.options.resumes) {
        transport_keep_sessions(load.tls);
    }
    load.pattern = make_pattern(load.options.size > load.options.bulk_size ? load.options.size
                                                                           : load.options.bulk_size);
    if (load.options.compresses) {
        load.compressed = compress_messages(load.pattern, load.options.size);
    }
    load.carrier = load.options.http2 ? &http2_carrier : &http1_carrier;
    load.carrier->prepare(&load);
    switch (load.options.mode) {
    case MODE_IDLE: return run_idle(&load);
    case MODE_CHURN: return run_churn(&load);
    case MODE_FANOUT: return run_fanout(&load);
    case MODE_ECHO: break;
    }
    return run_echo(&load);
}
