"""What /proc says about a process and its descendants."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def process_tree(root):
    """The process and all its descendants, as process ids."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for process in found:
        found.extend(children.get(process, ()))
    return found


def memory(root):
    """Resident and proportional memory of a process tree, in bytes; shared pages count once in `pss`."""
    sums = {"rss": 0, "pss": 0}
    for process in process_tree(root):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name.lower() in sums:
                    sums[name.lower()] += int(value.split()[0]) * 1024
    return sums


@dataclass(frozen=True)
class CpuTime:
    """Seconds of CPU: `total` by the processes' own clocks, its parts in the kernel's ticks."""

    total: float = 0
    user: float = 0
    system: float = 0

    def __sub__(self, other):
        return CpuTime(self.total - other.total, self.user - other.user, self.system - other.system)


def cpu_time(processes):
    """The CPU time these processes have spent so far."""
    total = user = system = 0
    for process in processes:
        with contextlib.suppress(OSError):
            # Linux's name for the CPU clock of another process; see clock_getcpuclockid(3).
            total += time.clock_gettime(~process << 3 | 2)
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) / _TICKS
            system += int(fields[12]) / _TICKS
    return CpuTime(total, user, system)


def connections_to(port, processes):
    """How many established TCP connections to a port of this machine the processes have."""
    wanted = f":{port:04X}"
    sockets = set()
    for process in processes:
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets.add(str(entry.readlink()))
    table = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(fields[3] == "01" and fields[2].endswith(wanted) and f"socket:[{fields[9]}]" in sockets
               for fields in table)


def accepts(port):
    """Whether someone listens on a TCP port, without connecting to it."""
    wanted = f"{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[1].endswith(":" + wanted):
                    return True
    return False
