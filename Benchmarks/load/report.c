// The result as one JSON object.
#include <stdio.h>

#include "load.h"

static void print_text(const char *text) {
    putchar('"');
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') {
            printf("\\%c", *text);
        } else if ((unsigned char)*text >= 0x20) {
            putchar(*text);
        }
    }
    putchar('"');
}

void report(const struct load *load, const char *mode) {
    static const char *const names[FAILURES] = {"connect", "tls", "upgrade", "protocol", "mismatch", "lost"};
    const struct options *options = &load->options;
    const struct counters *counted = &load->counted;
    const struct histogram *latency = &load->latency;
    double seconds = (double)(load->ended - load->began) / 1e9;
    uint64_t events = options->mode == MODE_CHURN ? counted->handshakes : counted->echoes;

    printf("{\"mode\": \"%s\", \"tls\": %s, \"connections\": %u, \"size\": %llu, ", mode,
           options->tls ? "true" : "false", options->connections, (unsigned long long)options->size);
    printf("\"seconds\": %.6f, \"messages\": %llu, \"handshakes\": %llu, \"rate\": %.1f, ", seconds,
           (unsigned long long)counted->echoes, (unsigned long long)counted->handshakes,
           seconds > 0 ? (double)events / seconds : 0);
    printf("\"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f, \"mean\": %.1f}, ",
           histogram_quantile(latency, 0.5) / 1e3, histogram_quantile(latency, 0.99) / 1e3,
           (double)latency->max / 1e3, latency->count > 0 ? (double)latency->sum / 1e3 / (double)latency->count : 0);
    printf("\"bytes_sent\": %llu, \"bytes_received\": %llu, \"compressed_messages\": %llu, \"pings\": %llu, ",
           (unsigned long long)counted->bytes_sent, (unsigned long long)counted->bytes_received,
           (unsigned long long)counted->compressed, (unsigned long long)load->counters.pings);
    printf("\"resumed\": %llu, ", (unsigned long long)counted->resumed);
    printf("\"h2\": %s, \"client_connections\": %u, ", options->http2 ? "true" : "false",
           options->http2 ? options->client_connections : options->connections);
    printf("\"bulk\": {\"size\": %llu, \"messages\": %llu, \"bytes_per_second\": %.0f}, ",
           (unsigned long long)options->bulk_size, (unsigned long long)counted->bulk_echoes,
           seconds > 0 ? (double)(counted->bulk_echoes * options->bulk_size) / seconds : 0);
    printf("\"cpu_seconds\": {\"total\": %.6f, \"user\": %.2f, \"system\": %.2f}, ", load->cpu.total, load->cpu.user,
           load->cpu.system);
    printf("\"extensions\": ");
    print_text(load->extensions);
    printf(", \"errors\": {");
    for (int index = 0; index < FAILURES; index++) {
        printf("%s\"%s\": %llu", index > 0 ? ", " : "", names[index],
               (unsigned long long)load->counters.failures[index]);
    }
    printf("}, \"errors_total\": %llu}\n", (unsigned long long)failures_of(load));
}
