// The CPU time other processes have spent.
#pragma once

#include <stddef.h>

struct cpu_time {
    double total;         // seconds, from the process's CPU clock: nanosecond steps
    double user, system;  // seconds, from /proc/PID/stat: clock ticks
};

/// Adds up the processes; one that is gone counts as nothing.
struct cpu_time cpu_time_of(const int *processes, size_t count);
