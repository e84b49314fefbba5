"""The figures as tables for people and JSON for machines."""

import dataclasses

from .figures import KIB, best_peer, fell_behind, grouped
from .sizes import size_name


def _table(headings, lines):
    widths = [max(len(line[column]) for line in [headings, *lines]) for column in range(len(headings))]
    def text(line):
        first, *rest = [cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(line, widths))]
        return "  ".join([first, *rest]).rstrip()
    rule = "-" * len(text(["-" * width for width in widths]))
    return "\n".join([text(headings), rule, *map(text, lines)])


def _scaled(value):
    return None if value is None else value / KIB


def _number(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


def _ratio(rows, row, name):
    """A row's ratio to the best peer's."""
    best = best_peer(rows, name)
    return "–" if best is None or best is row else _number(row.ratio_to(best, name), 2)


def _pairing_ratios(rows, row, name):
    """A row's ratio to HAProxy with the same protocols, and to the same proxy with HTTP/1.1."""
    subject = row.subject
    for proxy, pairing in (("haproxy", subject.pairing), (subject.proxy, "http/1.1")):
        other = next((entry for entry in rows
                      if (entry.subject.proxy, entry.subject.pairing) == (proxy, pairing)), None)
        yield "–" if other is None or other is row else _number(row.ratio_to(other, name), 2)


def _range(row, name, digits):
    values = row.values(name)
    return f"{_number(min(values), digits)}–{_number(max(values), digits)}" if values else "–"


def cpu_table(title, rows, event, events, digits):
    """Medians over the rounds, with the extremes; ratios are medians of each round's own ratio."""
    lines = []
    for row in rows:
        lines.append([
            row.subject.label, _number(row.median("cpu_us"), digits), _range(row, "cpu_us", digits),
            _number(row.median("user_us"), digits), _number(row.median("system_us"), digits),
            _ratio(rows, row, "cpu_us"), _number(row.median("rate"), 0), _number(row.median("p50_us"), 0),
            _number(row.median("p99_us"), 0), _range(row, "p99_us", 0), _number(row.median("bytes_back"), 0),
            str(sum(row.values("errors"))), "behind" if fell_behind(row) else ""])
    return title + "\n" + _table(
        ["", f"CPU µs/{event}", "range", "user", "system", "× best peer", f"{events}/s", "p50 µs", "p99 µs", "range",
         "bytes", "errors", ""],
        lines)


def pairing_cpu_table(title, rows):
    """CPU per echo with HTTP/2 and with HTTP/1.1 on both sides of a proxy."""
    lines = []
    for row in rows:
        lines.append([
            row.subject.label, _number(row.median("cpu_us"), 2), _range(row, "cpu_us", 2),
            _number(row.median("user_us"), 2), _number(row.median("system_us"), 2),
            *_pairing_ratios(rows, row, "cpu_us"), _number(row.median("rate"), 0), _number(row.median("p50_us"), 0),
            _number(row.median("p99_us"), 0), _number(max(row.values("server_connections"), default=None), 0),
            str(sum(row.values("errors")))])
    return title + "\n" + _table(
        ["", "CPU µs/echo", "range", "user", "system", "× haproxy", "× http/1.1", "echoes/s", "p50 µs", "p99 µs",
         "to server", "errors"],
        lines)


def pairing_memory_table(title, rows, size):
    spoken = f"after {size}"
    lines = []
    for row in rows:
        same = [entry for entry in rows if entry.transport == row.transport]
        kib = [_number(_scaled(row.median(name))) for name in ("fresh", spoken, "left", spoken + " rss")]
        lines.append([f"{row.subject.label}, {row.transport}", *kib, *_pairing_ratios(same, row, spoken),
                      _number(row.median("server_connections"), 0), str(sum(row.values("errors")))])
    return title + "\n" + _table(
        ["", "KiB fresh", "KiB spoken", "KiB left", "RSS spoken", "× haproxy", "× http/1.1", "to server", "errors"],
        lines)


def mixed_table(title, rows):
    lines = []
    for row in rows:
        lines.append([
            row.subject.label, *(_number(row.median(name), 0) for name in (
                "alone_p50_us", "alone_p99_us", "p50_us", "p99_us")),
            _range(row, "p99_us", 0), *_pairing_ratios(rows, row, "p99_us"), _number(row.median("mib_per_second"), 0),
            _number(row.median("cpu_us"), 0), *_pairing_ratios(rows, row, "cpu_us"), str(sum(row.values("errors")))])
    return title + "\n" + _table(
        ["", "p50 alone", "p99 alone", "p50 µs", "p99 µs", "range", "× haproxy", "× http/1.1", "bulk MiB/s",
         "CPU µs/MiB", "× haproxy", "× http/1.1", "errors"],
        lines)


def memory_table(title, rows, sizes):
    lines = []
    readings = ["fresh", *(f"after {size}" for size in sizes), "left"]
    for row in rows:
        same = [entry for entry in rows if entry.transport == row.transport]
        lines.append([f"{row.subject.label}, {row.transport}",
                      *(_number(_scaled(row.median(name))) for name in readings), _ratio(same, row, "fresh"),
                      _ratio(same, row, readings[-2]), str(sum(row.values("errors")))])
    return title + "\n" + _table(
        ["", "KiB fresh", *(f"after {size_name(size)}" for size in sizes), "left", "fresh × best", "last × best",
         "errors"], lines)


def instructions_table(title, rows):
    lines = [[row.subject.label, _number(row.median("instructions"), 0), _ratio(rows, row, "instructions")]
             for row in rows]
    return title + "\n" + _table(["", "instructions", "× best peer"], lines)


def figures_table(figures):
    """Sluice's figures beside what they are compared with, and the goals."""
    lines = []
    for figure in grouped(figures):
        digits = 0 if figure.ours >= 1000 else 1 if figure.ours >= 100 else 2
        ratio = f"{figure.ratio:.2f} ({figure.ratio_low:.2f}–{figure.ratio_high:.2f})" if figure.ratio else "–"
        lines.append([f"{figure.group}: {figure.name}", f"{_number(figure.ours, digits)} {figure.unit}".rstrip(),
                      f"{figure.reference} {_number(figure.theirs, digits)}".strip(), ratio, goal_text(figure),
                      {True: "met", False: "missed", None: ""}[figure.is_met] + (", behind" if figure.behind else "")])
    return _table(["", "sluice", "beside", "ratio", "goal", ""], lines)


def goal_text(figure):
    if figure.goal is None:
        return "–"
    if figure.goal.of == "ratio":
        return f"≤ {figure.goal.most:g}"
    digits = 0 if figure.goal.most >= 100 else 1
    return f"≤ {figure.goal.most:,.{digits}f} {figure.unit}".rstrip()


def row_as_json(row):
    return {"subject": dataclasses.asdict(row.subject), "label": row.subject.label, "transport": row.transport,
            "rounds": row.rounds}
