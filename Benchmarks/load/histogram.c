#include "histogram.h"

#include <math.h>

static uint32_t bucket_of(uint64_t value) {
    if (value < HISTOGRAM_STEPS) {
        return (uint32_t)value;
    }
    uint32_t doubling = 63 - (uint32_t)__builtin_clzll(value) - 6;
    return (doubling + 1) * HISTOGRAM_STEPS + (uint32_t)(value >> doubling) - HISTOGRAM_STEPS;
}

static double top_of(uint32_t bucket) {
    if (bucket < HISTOGRAM_STEPS) {
        return bucket;
    }
    uint32_t doubling = bucket / HISTOGRAM_STEPS - 1;
    return ldexp((double)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1), (int)doubling);
}

void histogram_record(struct histogram *histogram, uint64_t nanoseconds) {
    histogram->buckets[bucket_of(nanoseconds)]++;
    histogram->count++;
    histogram->sum += nanoseconds;
    if (nanoseconds > histogram->max) {
        histogram->max = nanoseconds;
    }
}

double histogram_quantile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS && histogram->count > 0; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= wanted && seen > 0) {
            return fmin(top_of(bucket), (double)histogram->max);
        }
    }
    return 0;
}
