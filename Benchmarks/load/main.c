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
    if (load.options.connections + 16 > limit) {
        die("--connections is %u, but this process may open only %llu descriptors", load.options.connections,
            (unsigned long long)limit);
    }
    load.poller = epoll_create1(EPOLL_CLOEXEC);
    load.clients = calloc(load.options.connections, sizeof *load.clients);
    if (load.poller < 0 || load.clients == NULL) {
        die("cannot hold %u connections", load.options.connections);
    }
    for (uint32_t index = 0; index < load.options.connections; index++) {
        load.clients[index].index = index;
        load.clients[index].transport.descriptor = -1;
    }
    if (load.options.tls) {
        load.tls = transport_make_context(load.options.mode == MODE_IDLE);
    }
    load.pattern = make_pattern(load.options.size);
    switch (load.options.mode) {
    case MODE_IDLE: return run_idle(&load);
    case MODE_CHURN: return run_churn(&load);
    case MODE_ECHO: break;
    }
    return run_echo(&load);
}
