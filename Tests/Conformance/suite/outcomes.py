"""What the suite found, beside what it may find."""

import collections
import fnmatch
import json
import re
from pathlib import Path

EXPECTED = Path(__file__).resolve().parent.parent / "expected.json"
ORDER = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT", "FAILED"]
HANGING = "HANGING"  # not one of the suite's: no end within the time limit
MISSING = "MISSING"  # named, but without a result


class Expectations:
    """The entries of expected.json. Each says, for some cases of some runs, which outcome is accepted besides OK, and
    why; with `always`, it is the only one accepted."""

    def __init__(self, file=EXPECTED):
        self.entries = json.loads(file.read_text())["accepted"]
        for entry in self.entries:
            unknown = entry.keys() - {"outcome", "close", "cases", "runs", "always", "reason"}
            if unknown or not entry.get("reason") or ("outcome" in entry) == ("close" in entry):
                raise ValueError(f"{file}: an entry has one of outcome and close, cases, runs, a reason: {entry}")

    def accepted(self, run, case, kind):
        """The outcomes that may be. `kind` is `outcome` (of the case) or `close` (of its closing handshake)."""
        accepted = {"OK"}
        for entry in self.entries:
            if kind in entry and matches(case, entry["cases"]) and matches(run, entry["runs"]):
                if entry.get("always"):
                    return {entry[kind]}
                accepted.add(entry[kind])
        return accepted


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def natural(case):
    return [int(number) for number in re.findall(r"\d+", case)]


def judge(run, results, expectations):
    """A line for each case that came out otherwise than accepted."""
    differences = []
    for case in sorted(results, key=natural):
        for kind, outcome in outcomes_of(results[case]).items():
            accepted = expectations.accepted(run.name, case, kind)
            if outcome not in accepted:
                what = "closing handshake " if kind == "close" else ""
                differences.append(f"{run.name}: {case}: {what}{outcome}, expected {' or '.join(sorted(accepted))}")
    return differences


def outcomes_of(result):
    if result is None:
        return {"outcome": MISSING}
    if result["behavior"] == HANGING:
        return {"outcome": HANGING}
    return {"outcome": result["behavior"], "close": result["behaviorClose"]}


def count(results):
    return collections.Counter(outcomes_of(result)["outcome"] for result in results.values())


def rank(outcome):
    return ORDER.index(outcome) if outcome in ORDER else len(ORDER)


def table(rows):
    """`rows`: (run name, results or None for a run that failed, number of differences, seconds). Markdown, one line a
    run, one column an outcome that occurred."""
    columns = sorted({outcome for _, results, _, _ in rows for outcome in count(results or {})},
                     key=lambda outcome: (rank(outcome), outcome))
    lines = ["| Run | Cases | " + "".join(f"{column} | " for column in columns) + "Seconds | Verdict |",
             "|---|" + "---:|" * (len(columns) + 2) + "---|"]
    for name, results, differences, seconds in rows:
        if results is None:
            cells, verdict = ["–"] * (len(columns) + 1), "no results"
        else:
            counts = count(results)
            cells = [str(len(results)), *(str(counts[column]) for column in columns)]
            verdict = f"{differences} other than expected" if differences else "as expected"
        lines.append(f"| {name} | {' | '.join(cells)} | {seconds:.0f} | {verdict} |")
    return "\n".join(lines)


def other_than_ok(results):
    """Outcome → cases, without OK."""
    found = collections.defaultdict(list)
    for case in sorted(results, key=natural):
        outcomes = outcomes_of(results[case])
        if outcomes["outcome"] != "OK":
            found[outcomes["outcome"]].append(case)
        if outcomes.get("close", "OK") != "OK":
            found["close " + outcomes["close"]].append(case)
    return dict(found)
