#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: load --url ws[s]://127.0.0.1:PORT/PATH [OPTION…]\n"
    "  --connections N      WebSockets to hold open (default 200)\n"
    "  --h2                 WebSockets over HTTP/2 (RFC 8441): ALPN h2 with wss, prior knowledge with ws\n"
    "  --client-connections N  HTTP/2 connections they share (default 1)\n"
    "  --size BYTES         payload of a message (default 100)\n"
    "  --inflight N         messages under way on one connection, at most 64 (default 1)\n"
    "  --rate N             messages a second over all connections (default: as fast as echoes return)\n"
    "  --messages N         stop after exactly N echoes, or connections of --churn, instead of after --duration\n"
    "  --warmup S           seconds that are not counted (default 1)\n"
    "  --duration S         seconds that are counted (default 5)\n"
    "  --bulk BYTES         the last WebSocket echoes messages of this size, as fast as they go, beside the others;\n"
    "                       messages, rate and latency are those of the others\n"
    "  --bulk-inflight N    bulk messages under way, at most 64 (default 4)\n"
    "  --binary             binary messages instead of text\n"
    "  --offer-deflate      offer permessage-deflate; client_max_window_bits\n"
    "  --compress           offer it, and send every message compressed\n"
    "  --idle               open, print `ready N`, hold until stdin ends or SIGTERM; a line `touch [BYTES]` on\n"
    "                       stdin echoes one message on each connection and prints `touched N`\n"
    "  --churn              opening and closing handshakes, one after another on each connection\n"
    "  --resume             those handshakes resume a TLS session\n"
    "  --fanout             the first WebSocket sends a message when the one before has come back on all of them;\n"
    "                       the server's path is a room (`/…/room`)\n"
    "  --batch N            opening handshakes under way at once (default 64)\n"
    "  --setup-timeout S    limit for opening everything (default 60)\n"
    "  --cpu-of PID[,PID…]  report the CPU time these processes spent in the counted time\n";

_Noreturn static void refuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n%s", usage);
    exit(2);
}

static double number(const char *name, const char *text, double least, double most) {
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || !(value >= least && value <= most)) {
        refuse("--%s is \"%s\", expected a number from %.0f to %.0f", name, text, least, most);
    }
    return value;
}

static void parse_url(struct options *options, const char *url) {
    char scheme[4] = "", authority[80] = "";
    strcpy(options->path, "/");
    if (sscanf(url, "%3[a-z]://%79[^/]%511s", scheme, authority, options->path) < 2) {
        refuse("--url is \"%s\", expected ws://ADDRESS:PORT/PATH or wss://…", url);
    }
    options->tls = strcmp(scheme, "wss") == 0;
    if (!options->tls && strcmp(scheme, "ws") != 0) {
        refuse("--url has the scheme \"%s\", expected ws or wss", scheme);
    }
    char *colon = strrchr(authority, ':');
    if (colon == NULL) {
        refuse("--url names no port in \"%s\"", authority);
    }
    *colon = 0;
    options->port = (uint16_t)number("url port", colon + 1, 1, 65535);
    snprintf(options->host, sizeof options->host, "%s", strcmp(authority, "localhost") == 0 ? "127.0.0.1" : authority);
    struct in_addr address;
    if (inet_pton(AF_INET, options->host, &address) != 1) {
        refuse("--url names the host \"%s\", expected localhost or an IPv4 address", authority);
    }
}

static void parse_watched(struct options *options, char *list) {
    for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
        if (options->watched_count == WATCHED_LIMIT) {
            refuse("--cpu-of names more than %d processes", WATCHED_LIMIT);
        }
        options->watched[options->watched_count++] = (int)number("cpu-of", word, 1, 1 << 30);
    }
}

struct options parse_options(int count, char **arguments) {
    struct options options = {
        .connections = 200, .batch = 64, .size = 100, .inflight = 1, .warmup = 1, .duration = 5, .setup_timeout = 60,
        .client_connections = 1, .bulk_inflight = 4};
    static const struct option names[] = {
        {"url", required_argument, NULL, 'u'},       {"connections", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 's'},      {"inflight", required_argument, NULL, 'i'},
        {"rate", required_argument, NULL, 'r'},      {"messages", required_argument, NULL, 'm'},
        {"warmup", required_argument, NULL, 'w'},    {"duration", required_argument, NULL, 'd'},
        {"binary", no_argument, NULL, 'b'},          {"offer-deflate", no_argument, NULL, 'o'},
        {"idle", no_argument, NULL, 'I'},            {"churn", no_argument, NULL, 'C'},
        {"batch", required_argument, NULL, 'n'},     {"setup-timeout", required_argument, NULL, 't'},
        {"cpu-of", required_argument, NULL, 'p'},    {"h2", no_argument, NULL, '2'},
        {"bulk", required_argument, NULL, 'B'},      {"bulk-inflight", required_argument, NULL, 'l'},
        {"client-connections", required_argument, NULL, 'N'},
        {"compress", no_argument, NULL, 'z'},        {"resume", no_argument, NULL, 'R'},
        {"fanout", no_argument, NULL, 'F'},
        {NULL, 0, NULL, 0},
    };
    int index = 0;
    for (int letter; (letter = getopt_long(count, arguments, "", names, &index)) != -1;) {
        const char *name = letter == '?' ? "" : names[index].name;
        switch (letter) {
        case 'u': parse_url(&options, optarg); break;
        case 'c': options.connections = (uint32_t)number(name, optarg, 1, 60000); break;
        case 's': options.size = (uint64_t)number(name, optarg, 0, 1 << 30); break;
        case 'i': options.inflight = (uint32_t)number(name, optarg, 1, INFLIGHT_LIMIT); break;
        case 'r': options.rate = number(name, optarg, 0, 1e8); break;
        case 'm': options.messages = (uint64_t)number(name, optarg, 1, 1e12); break;
        case 'w': options.warmup = number(name, optarg, 0, 3600); break;
        case 'd': options.duration = number(name, optarg, 0.1, 86400); break;
        case 'b': options.binary = true; break;
        case 'o': options.offers_deflate = true; break;
        case 'z': options.offers_deflate = options.compresses = true; break;
        case 'R': options.resumes = true; break;
        case 'F': options.mode = MODE_FANOUT; break;
        case 'I': options.mode = MODE_IDLE; break;
        case 'C': options.mode = MODE_CHURN; break;
        case 'n': options.batch = (uint32_t)number(name, optarg, 1, 4096); break;
        case 't': options.setup_timeout = number(name, optarg, 1, 3600); break;
        case '2': options.http2 = true; break;
        case 'N': options.client_connections = (uint32_t)number(name, optarg, 1, 60000); break;
        case 'B': options.bulk_size = (uint64_t)number(name, optarg, 1, 1 << 30); break;
        case 'l': options.bulk_inflight = (uint32_t)number(name, optarg, 1, INFLIGHT_LIMIT); break;
        case 'p': parse_watched(&options, optarg); break;
        default: refuse("unknown option");
        }
    }
    if (options.port == 0) {
        refuse("--url is missing");
    }
    if (options.client_connections > options.connections) {
        refuse("--client-connections is %u, more than the %u of --connections", options.client_connections,
               options.connections);
    }
    if (options.bulk_size > 0 && options.connections < 2) {
        refuse("--bulk takes the last of --connections, and expects at least two");
    }
    if (options.resumes && (options.mode != MODE_CHURN || !options.tls)) {
        refuse("--resume is for --churn over TLS");
    }
    if (options.mode == MODE_FANOUT && (options.http2 || options.compresses)) {
        refuse("--fanout goes over HTTP/1.1, and its messages go out as they are");
    }
    if (optind < count) {
        refuse("\"%s\" is not an option", arguments[optind]);
    }
    return options;
}
