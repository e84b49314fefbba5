// Latencies in logarithmic buckets: 64 to each doubling, so a quantile is within 1.6 % of the true one.
#pragma once

#include <stdint.h>

enum {
    HISTOGRAM_STEPS = 64,
    HISTOGRAM_BUCKETS = 64 * HISTOGRAM_STEPS,
};

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count, sum, max;  // nanoseconds
};

void histogram_record(struct histogram *histogram, uint64_t nanoseconds);

/// The latency in nanoseconds that a share (0 to 1) of the recorded ones does not exceed.
double histogram_quantile(const struct histogram *histogram, double share);
