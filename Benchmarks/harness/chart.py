"""The figures as a bar chart in SVG: each bar is a ratio to the reference, with the goal as a mark on it."""

from xml.sax.saxutils import escape

WIDTH, LABELS, VALUES = 900, 250, 170  # of the whole, of the names on the left, of the numbers on the right
ROW, BAR, HEADING, TOP, BOTTOM = 20, 12, 30, 92, 24
MOST = 2.0  # what is longer is cut there; its number tells

_STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .group { font-weight: 600 }
  .soft { fill: #59636e }
  .sheet { fill: #ffffff }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .one { stroke: #59636e; stroke-width: 1.5 }
  .met { fill: #1a7f37 }
  .missed { fill: #bc4c00 }
  .free { fill: #818b98 }
  .goal { stroke: #1f2328; stroke-width: 2.5 }
  .spread { stroke: #1f2328; stroke-width: 1; opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 }
    .sheet { fill: #0d1117 }
    .grid { stroke: #3d444d }
    .one { stroke: #9198a1 }
    .met { fill: #3fb950 }
    .missed { fill: #f0883e }
    .free { fill: #656c76 }
    .goal { stroke: #f0f6fc }
    .spread { stroke: #f0f6fc }
  }
"""


def _x(ratio):
    return LABELS + min(ratio, MOST) / MOST * (WIDTH - LABELS - VALUES)


def _text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x, top, bottom, kind):
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" class="{kind}"/>'


def _key(y):
    """What the colours and marks mean."""
    x = LABELS
    for kind, words in (("met", "goal met"), ("missed", "goal missed"), ("free", "no goal")):
        yield f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="2" class="{kind}"/>'
        yield _text(x + 17, y, words, "soft")
        x += 105
    yield _line(x + 4, y - 11, y + 3, "goal")
    yield _text(x + 12, y, "goal", "soft")
    yield f'<line x1="{x + 62}" x2="{x + 86}" y1="{y - 4}" y2="{y - 4}" class="spread"/>'
    yield _text(x + 92, y, "rounds", "soft")


def _row(y, figure):
    kind = {True: "met", False: "missed", None: "free"}[figure.is_met]
    middle = y + ROW / 2
    yield f"<g><title>{escape(_title_of(figure))}</title>"
    yield _text(LABELS - 10, middle + 4, figure.name, "", "end")
    yield (f'<rect x="{LABELS}" y="{middle - BAR / 2:.1f}" width="{_x(figure.ratio) - LABELS:.1f}" height="{BAR}" '
           f'rx="2" class="{kind}"/>')
    if figure.ratio > MOST:
        yield (f'<path d="M{_x(MOST) - 8} {middle - BAR / 2 - 1} l4 {BAR + 2} h4 l-4 -{BAR + 2} z" class="sheet"/>')
    yield (f'<line x1="{_x(figure.ratio_low):.1f}" x2="{_x(figure.ratio_high):.1f}" y1="{middle:.1f}" '
           f'y2="{middle:.1f}" class="spread"/>')
    if figure.goal_ratio:
        yield _line(_x(figure.goal_ratio), middle - BAR / 2 - 3, middle + BAR / 2 + 3, "goal")
    yield _text(WIDTH - VALUES + 12, middle + 4, f"{figure.ratio:.2f} × {figure.reference}")
    yield "</g>"


def _title_of(figure):
    words = f"{figure.group}, {figure.name}: {figure.ours:,.4g} {figure.unit}".rstrip()
    return f"{words}, {figure.reference} {figure.theirs:,.4g}"


def svg(figures, subtitle):
    """The chart of those figures that have something to be compared with."""
    figures = [figure for figure in figures if figure.ratio]
    parts, y, group = [], TOP, None
    for figure in figures:
        if figure.group != group:
            group = figure.group
            y += HEADING
            parts.append(_text(10, y - 8, group, "group"))
        parts += _row(y, figure)
        y += ROW
    height = y + BOTTOM
    grid = [_line(_x(step / 2), TOP, height - BOTTOM + 4, "one" if step == 2 else "grid")
            for step in range(int(MOST * 2) + 1)]
    marks = [_text(_x(step / 2), TOP - 6, f"{step / 2:g}", "soft", "middle") for step in range(int(MOST * 2) + 1)]
    head = [_text(10, 28, "Sluice beside the best peer: less is better", "title"), _text(10, 48, subtitle, "soft"),
            *_key(68)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Ratios of Sluice\'s figures to those of the best peer">',
        f"<style>{_STYLE}</style>", f'<rect width="{WIDTH}" height="{height}" class="sheet"/>',
        *head, *grid, *marks, *parts, "</svg>", ""])
