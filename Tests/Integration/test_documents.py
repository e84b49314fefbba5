"""The pages for people: every link leads to a file and a heading that exist, and the threat model names tests that
exist."""

import re

import pytest

from sluice import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "Benchmarks" / "README.md"])
# Other files that name pages: comments, and the addresses of runbooks.
NAMING = sorted(
    file for folder in ("conf", "docker") for file in (REPOSITORY / folder).rglob("*")
    if file.suffix in {".yaml", ".json", ".service", ".socket"})


def without_code(text):
    """Blocks of code may hold brackets and number signs that mean something else."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(page):
    """Those that GitHub gives to headings: lower case, without punctuation, hyphens for spaces, numbered if repeated."""
    found = {}
    for heading in re.findall(r"^#+ (.+)$", without_code(page.read_text()), flags=re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        while name in found:
            found[name] += 1
            name = f"{name}-{found[name]}"
        found[name] = 0
    return set(found)


def links(text):
    """The targets of inline links, images included; a link's text may itself have brackets."""
    return re.findall(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page):
    text = without_code(page.read_text())
    broken = []
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            broken.append(link)
    defined = set(re.findall(r"^\[([^\]]+)\]: \S+$", text, flags=re.MULTILINE))
    broken += [name for name in re.findall(r"(?<!\])\[(#\d+|[\w-]+ #\d+)\](?![:(])", text) if name not in defined]
    assert not broken, f"{page.relative_to(REPOSITORY)}: {broken} lead to no file or heading"


@pytest.mark.parametrize("file", NAMING, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_page_that_a_file_names_is_there(file):
    for path, anchor in re.findall(r"(docs/[\w-]+\.md)(?:#([\w-]+))?", file.read_text()):
        page = REPOSITORY / path
        assert page.exists(), f"{file.relative_to(REPOSITORY)} names {path}, which is not there"
        assert not anchor or anchor in anchors(page), f"{file.relative_to(REPOSITORY)}: {path} has no heading {anchor}"


def test_the_threat_model_names_tests_that_exist():
    text = (REPOSITORY / "docs" / "threat-model.md").read_text()
    tests = REPOSITORY / "Tests"
    python = {file.name: set(re.findall(r"^def (test_\w+)", file.read_text(), flags=re.MULTILINE))
              for file in (tests / "Integration").glob("test_*.py")}
    swift = {file.stem for file in tests.rglob("*Tests.swift")}
    files = set(re.findall(r"`(test_\w+\.py)`", text))
    assert files and files <= python.keys(), f"no such files: {sorted(files - python.keys())}"
    everywhere = set().union(*python.values())
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named and named <= everywhere, f"no such tests: {sorted(named - everywhere)}"
    for file, list_of_tests in re.findall(r"`(test_\w+\.py)`: ((?:`test_\w+`(?:, )?)+)", text):
        missing = set(re.findall(r"`(\w+)`", list_of_tests)) - python[file]
        assert not missing, f"{file} does not have {sorted(missing)}"
    suites = set(re.findall(r"`([\w+]+Tests)`", text))
    assert suites and suites <= swift, f"no such suites: {sorted(suites - swift)}"
