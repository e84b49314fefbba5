#include "transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/process.h"

SSL_CTX *transport_make_context(bool lean, const char *protocol) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519") != 1) {
        die("OpenSSL cannot offer TLS 1.3 with TLS_AES_128_GCM_SHA256 and X25519");
    }
    unsigned char protocols[16];
    unsigned size = (unsigned)snprintf((char *)protocols + 1, sizeof protocols - 1, "%s", protocol);
    protocols[0] = (unsigned char)size;
    SSL_CTX_set_alpn_protos(context, protocols, size + 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (lean) {
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
        return context;
    }
    SSL_CTX_set_read_ahead(context, 1);  // one read a record instead of two
    SSL_CTX_set_default_read_buffer_len(context, 32768);
    return context;
}

enum { KEPT_SESSIONS = 256 };

static SSL_SESSION *kept[KEPT_SESSIONS];
static size_t kept_count;

static int keep_session(SSL *tls, SSL_SESSION *session) {
    (void)tls;
    if (kept_count == KEPT_SESSIONS) {
        return 0;  // OpenSSL frees it
    }
    kept[kept_count++] = session;
    return 1;
}

void transport_keep_sessions(SSL_CTX *context) {
    SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
}

bool transport_resumed(const struct transport *transport) {
    return transport->tls != NULL && SSL_session_reused(transport->tls) == 1;
}

bool transport_connect(struct transport *transport, SSL_CTX *context, const char *host, uint16_t port) {
    *transport = (struct transport){.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (transport->descriptor < 0) {
        return false;
    }
    int on = 1;
    setsockopt(transport->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    if (connect(transport->descriptor, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
        transport_close(transport);
        return false;
    }
    if (context != NULL) {
        transport->tls = SSL_new(context);
        if (transport->tls == NULL || SSL_set_fd(transport->tls, transport->descriptor) != 1) {
            die("out of memory for a TLS connection");
        }
        SSL_set_connect_state(transport->tls);
        if (kept_count > 0) {
            // A ticket is good for one connection (RFC 8446 §C.4).
            SSL_SESSION *session = kept[--kept_count];
            SSL_set_session(transport->tls, session);
            SSL_SESSION_free(session);
        }
    }
    return true;
}

enum transport_handshake transport_handshake(struct transport *transport) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(transport->descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        return HANDSHAKE_FAILED;
    }
    if (transport->tls == NULL) {
        return HANDSHAKE_DONE;
    }
    ERR_clear_error();
    int result = SSL_do_handshake(transport->tls);
    if (result == 1) {
        return HANDSHAKE_DONE;
    }
    switch (SSL_get_error(transport->tls, result)) {
    case SSL_ERROR_WANT_READ: return HANDSHAKE_READS;
    case SSL_ERROR_WANT_WRITE: return HANDSHAKE_WRITES;
    default: return HANDSHAKE_FAILED;
    }
}

static ssize_t tls_result(SSL *tls, int result) {
    switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return TRANSPORT_BLOCKED;
    case SSL_ERROR_ZERO_RETURN: return TRANSPORT_ENDED;
    default: return TRANSPORT_FAILED;
    }
}

static ssize_t socket_result(ssize_t result) {
    if (result >= 0) {
        return result;
    }
    return errno == EAGAIN || errno == EINTR ? TRANSPORT_BLOCKED : TRANSPORT_FAILED;
}

ssize_t transport_read(struct transport *transport, void *bytes, size_t count) {
    if (transport->tls == NULL) {
        return socket_result(read(transport->descriptor, bytes, count));
    }
    ERR_clear_error();
    int result = SSL_read(transport->tls, bytes, (int)count);
    return result > 0 ? result : tls_result(transport->tls, result);
}

ssize_t transport_write(struct transport *transport, const void *bytes, size_t count) {
    if (transport->tls == NULL) {
        return socket_result(write(transport->descriptor, bytes, count));
    }
    ERR_clear_error();
    int result = SSL_write(transport->tls, bytes, (int)count);
    return result > 0 ? result : tls_result(transport->tls, result);
}

bool transport_holds_bytes(const struct transport *transport) {
    return transport->tls != NULL && SSL_has_pending(transport->tls) == 1;
}

bool transport_agreed_on(const struct transport *transport, const char *protocol) {
    const unsigned char *agreed = NULL;
    unsigned size = 0;
    if (transport->tls != NULL) {
        SSL_get0_alpn_selected(transport->tls, &agreed, &size);
    }
    return transport->tls == NULL || (size == strlen(protocol) && memcmp(agreed, protocol, size) == 0);
}

void transport_close(struct transport *transport) {
    if (transport->tls != NULL) {
        // Without a word of closing, OpenSSL would take the session for broken, and its ticket with it.
        SSL_set_shutdown(transport->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(transport->tls);
    }
    if (transport->descriptor >= 0) {
        close(transport->descriptor);
    }
    *transport = (struct transport){.descriptor = -1};
}
