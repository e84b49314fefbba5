// What WebSockets travel on: each on a connection of its own (HTTP/1.1), or many as streams of one (HTTP/2).
#pragma once

#include <stddef.h>
#include <stdint.h>

struct client;
struct load;

struct carrier {
    /// Makes ready for a number of clients.
    void (*prepare)(struct load *load);
    /// Begins to open a client; `client_opened` or `client_fail` follow.
    void (*start)(struct load *load, struct client *client);
    /// Room for `most` bytes of frames, and sending as many of them as were written there. The client may be gone then.
    uint8_t *(*room)(struct load *load, struct client *client, size_t most);
    void (*send)(struct load *load, struct client *client, size_t count);
    /// Ends what a client travels on, in order when it is closing.
    void (*drop)(struct load *load, struct client *client);
    /// Serves the events that epoll reported for one of the carrier's connections.
    void (*serve)(struct load *load, uint32_t index, uint32_t events);
    /// Writes what was gathered since the last events.
    void (*flush)(struct load *load);
    /// Ends what all clients shared, once they are closed.
    void (*finish)(struct load *load);
};

extern const struct carrier http1_carrier, http2_carrier;
