// A TCP or TLS connection that never blocks.
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport {
    int descriptor;
    SSL *tls;  // NULL: cleartext
};

/// Results of `transport_read` and `transport_write` other than a count.
enum {
    TRANSPORT_ENDED = 0,
    TRANSPORT_BLOCKED = -1,
    TRANSPORT_FAILED = -2,
};

enum transport_handshake { HANDSHAKE_DONE, HANDSHAKE_READS, HANDSHAKE_WRITES, HANDSHAKE_FAILED };

/// TLS 1.3 alone, one cipher suite and one group, no resumption unless sessions are kept: the same work whatever stands
/// on the other side.
/// `lean` gives buffers back between reads: for thousands of connections that rarely speak. `protocol` is what ALPN
/// offers.
SSL_CTX *transport_make_context(bool lean, const char *protocol);

/// Keeps the tickets that peers send; each later connection resumes by the newest that was not used yet.
void transport_keep_sessions(SSL_CTX *context);

/// Whether the TLS handshake that is through was a resumption.
bool transport_resumed(const struct transport *transport);

/// Starts to connect. `context` NULL means cleartext. Returns false when the address refuses at once.
bool transport_connect(struct transport *transport, SSL_CTX *context, const char *host, uint16_t port);

/// Goes on with connecting TCP and TLS after an event.
enum transport_handshake transport_handshake(struct transport *transport);

ssize_t transport_read(struct transport *transport, void *bytes, size_t count);
ssize_t transport_write(struct transport *transport, const void *bytes, size_t count);

/// Whether bytes were taken from the socket that no event will announce.
bool transport_holds_bytes(const struct transport *transport);

/// Whether TLS agreed on a protocol by ALPN; always true in the clear.
bool transport_agreed_on(const struct transport *transport, const char *protocol);

void transport_close(struct transport *transport);
