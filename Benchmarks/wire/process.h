// What every tool needs from its process: limits, time and a way to stop with a reason.
#pragma once

#include <stdint.h>

/// Prints the reason to stderr and exits with status 1.
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Raises the soft limit of open descriptors to the hard one; returns the limit now in force.
uint64_t raise_descriptor_limit(void);

/// The monotonic clock, in nanoseconds.
uint64_t monotonic_ns(void);
