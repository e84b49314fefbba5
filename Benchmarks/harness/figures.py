"""What a run is about: Sluice's figures, each beside the best peer's and the goal."""

from dataclasses import asdict, dataclass
from statistics import median

KIB = 1024


@dataclass(frozen=True)
class Goal:
    """At most so much: of the reference's figure (`ratio`), or in the figure's own unit (`value`)."""

    most: float
    of: str = "ratio"


@dataclass
class Figure:
    """One of Sluice's figures. Less is better in all of them."""

    group: str  # what is measured, and by what traffic
    name: str  # which of the group
    unit: str
    ours: float
    low: float  # over the rounds
    high: float
    goal: Goal | None = None
    reference: str = ""  # the best peer, or Sluice itself in another row; "": nothing to compare with
    theirs: float | None = None
    ratio: float | None = None  # the median of the ratios within each round
    ratio_low: float | None = None
    ratio_high: float | None = None
    behind: bool = False  # Sluice did not keep up with the load, so it did less than the others

    @property
    def is_met(self):
        """Whether the goal is; None where there is none, or nothing to compare with."""
        value = self.ratio if self.goal and self.goal.of == "ratio" else self.ours
        return None if self.goal is None or value is None else value <= self.goal.most and not self.behind

    @property
    def goal_ratio(self):
        """The goal as a ratio to the reference."""
        if self.goal is None or self.goal.of == "ratio":
            return self.goal and self.goal.most
        return self.goal.most / self.theirs if self.theirs else None

    def as_json(self):
        return {**asdict(self), "is_met": self.is_met, "goal_ratio": self.goal_ratio}

    @classmethod
    def from_json(cls, entry):
        known = {name: entry[name] for name in cls.__dataclass_fields__ if name in entry}
        return cls(**{**known, "goal": Goal(**entry["goal"]) if entry["goal"] else None})


def grouped(figures):
    """Those of a group beside each other; groups and figures in the order in which they came."""
    order = list(dict.fromkeys(figure.group for figure in figures))
    return sorted(figures, key=lambda figure: order.index(figure.group))


def ours(rows):
    return next((row for row in rows if row.subject.proxy == "sluice"), None)


def fell_behind(row):
    """Whether it could not keep up with the load in most rounds."""
    return median(row.values("behind") or [0]) > 0.5


def best_peer(rows, key):
    """The row of the peer with the least median. Who could not keep up with the load is not asked."""
    peers = [row for row in rows if row.subject.proxy not in ("sluice", "direct") and row.median(key) is not None
             and not fell_behind(row)]
    return min(peers, key=lambda row: row.median(key), default=None)


def figure(group, name, unit, row, key, goal=None, reference=None, scale=1.0):
    """Sluice's row beside a reference row; a list of one, or of none where there is nothing to tell."""
    if row is None or row.median(key) is None:
        return []
    values = [value / scale for value in row.values(key)]
    made = Figure(group, name, unit, median(values), min(values), max(values), goal, behind=fell_behind(row))
    ratios = row.ratios_to(reference, key) if reference else []
    if ratios:
        made.reference, made.theirs = reference.subject.label, reference.median(key) / scale
        made.ratio, made.ratio_low, made.ratio_high = median(ratios), min(ratios), max(ratios)
    return [made]


def against_best(group, name, unit, rows, key, goal=None, scale=1.0):
    return figure(group, name, unit, ours(rows), key, goal, best_peer(rows, key), scale)
