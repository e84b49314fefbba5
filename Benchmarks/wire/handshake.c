#include "handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

#include "process.h"

void handshake_accept(const char *key, size_t key_length, char accept[HANDSHAKE_ACCEPT_SIZE]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char joined[128];
    if (key_length > sizeof joined - sizeof guid) {
        key_length = sizeof joined - sizeof guid;
    }
    memcpy(joined, key, key_length);
    memcpy(joined + key_length, guid, sizeof guid - 1);
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(joined, key_length + sizeof guid - 1, digest);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
}

const char *handshake_field(const char *head, const char *name, size_t *length) {
    size_t name_length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':') {
            continue;
        }
        const char *value = line + name_length + 1;
        value += strspn(value, " \t");
        size_t size = strcspn(value, "\r\n");
        while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
            size--;
        }
        *length = size;
        return value;
    }
    return NULL;
}

bool handshake_field_has_token(const char *head, const char *name, const char *token) {
    size_t length = 0;
    const char *value = handshake_field(head, name, &length);
    size_t token_length = strlen(token);
    while (value != NULL && length > 0) {
        size_t skipped = strspn(value, " \t,");
        if (skipped >= length) {
            return false;
        }
        value += skipped;
        length -= skipped;
        size_t word = 0;
        while (word < length && value[word] != ',' && value[word] != ' ' && value[word] != '\t') {
            word++;
        }
        if (word == token_length && strncasecmp(value, token, word) == 0) {
            return true;
        }
        value += word;
        length -= word;
    }
    return false;
}
