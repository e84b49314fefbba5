"""Results as Markdown, for the document that keeps them."""

import re

from .children import Failure
from .figures import Figure, grouped
from .tables import goal_text


def merged(runs):
    """The figures of several runs: of those with the same name the last counts."""
    found = {}
    for run in runs:
        for entry in run.get("figures", ()):
            figure = Figure.from_json(entry)
            found[figure.group, figure.name] = figure
    return grouped(found.values())


def subtitle(runs):
    machine = runs[-1]["machine"]
    return f"{runs[-1]['date'][:10]}, {machine['cpu']}, {machine['cores']} cores; one worker each"


def setting(runs):
    """Where and with what it was measured."""
    run = runs[-1]
    machine, options = run["machine"], run["options"]
    versions = ", ".join(f"{name} {_version(text)}" for name, text in run["versions"].items())
    return (f"{run['date'][:10]}, {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}. "
            f"Rounds: {options['rounds']}, of {options['seconds']:g} s; load average at the start "
            f"{machine['load_average'][0]:.1f}. {versions}.")


def _version(text):
    """The number in what a program says of itself."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else "of an unknown version"


def _number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def _row(figure, group):
    unit = f" {figure.unit}" if figure.unit else ""
    theirs = f"{figure.reference} {_number(figure.theirs)}{unit}" if figure.ratio else ""
    ratio = f"{figure.ratio:.2f} ({figure.ratio_low:.2f}–{figure.ratio_high:.2f})" if figure.ratio else ""
    verdict = {True: "met", False: "**missed**", None: ""}[figure.is_met]
    if figure.behind:
        verdict += ", fell behind"
    goal = "" if figure.goal is None else goal_text(figure)
    return f"| {group} | {figure.name} | {_number(figure.ours)}{unit} | {theirs} | {ratio} | {goal} | {verdict} |"


def figures_table(figures):
    """All of them in one table; what is measured stands at the first of its figures."""
    lines = ["| | | Sluice | Beside | Ratio (rounds) | Goal | |", "|---|---|---:|---:|---:|---:|---|"]
    group = None
    for figure in figures:
        lines.append(_row(figure, figure.group if figure.group != group else ""))
        group = figure.group
    return "\n".join(lines)


def _name_of(account):
    said = f", after {account['after']:,} B" if account["after"] else ""
    deflate = ", compressed" if account["compression"] == "deflate" else ""
    sides = {"both": ", HTTP/2", "client": ", HTTP/2 of clients", "server": ", HTTP/2 to servers"}
    h2 = sides.get(account.get("h2"), "")
    return {"tls": "TLS", "plain": "cleartext"}[account["transport"]] + h2 + deflate + said


def owners_table(accounts):
    """Bytes for each connection, a column for each account."""
    owners = {owner: None for account in accounts for owner in account["owners"] if owner != "all"}
    first = accounts[0]["owners"]
    lines = ["| | " + " | ".join(map(_name_of, accounts)) + " |", "|---|" + "---:|" * len(accounts)]
    for owner in sorted(owners, key=lambda owner: -first.get(owner, {"asked": 0})["asked"]):
        cells = (account["owners"].get(owner, {"asked": 0})["asked"] for account in accounts)
        lines.append(f"| {owner} | " + " | ".join(f"{asked:,.0f}" for asked in cells) + " |")
    for name, key in (("all", "asked"), ("all, as malloc takes them", "taken")):
        lines.append(f"| **{name}** | " + " | ".join(f"{account['owners']['all'][key]:,.0f}" for account in accounts)
                     + " |")
    return "\n".join(lines)


def replaced(text, name, table):
    """The document with another table between its marks."""
    begin, end = f"<!-- {name}: Benchmarks/report writes it -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise Failure(f"the document has no marks for {name}: {begin} and {end}")
    return f"{before}{begin}\n{table}\n{end}{after}"
