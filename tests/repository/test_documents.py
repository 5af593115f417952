"""Documents keep their promises: links lead somewhere, tables are complete, pages stay short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
HEADINGS = ["Situation", "Decision", "What we gave up", "When to revisit"]
ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))


def test_every_link_between_files_leads_somewhere(root: Path, tracked: tuple[Path, ...]) -> None:
    broken = [
        f"{path}: {target}"
        for path in tracked
        if path.suffix == ".md"
        for target in LINK.findall((root / path).read_text())
        if not (root / path.parent / target).exists()
    ]
    assert broken == []


def test_every_page_that_the_source_names_exists(root: Path, tracked: tuple[Path, ...]) -> None:
    named = {
        page
        for path in tracked
        if path.suffix == ".py" and path.parts[0] in {"src", "jupyter_extension"}
        for page in re.findall(r"\bdocs/[\w/.-]+\.md\b", (root / path).read_text())
    }
    assert {page for page in named if not (root / page).is_file()} == set()


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_short_and_says_what_it_costs(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= 25
    assert re.findall(r"^\*\*([^*]+)\.\*\*", text, re.MULTILINE) == HEADINGS


def test_decisions_are_numbered_and_indexed(root: Path) -> None:
    assert [page.name[:5] for page in DECISIONS] == [
        f"{n:04}-" for n in range(1, len(DECISIONS) + 1)
    ]
    index = (root / "docs/README.md").read_text()
    assert [page.name for page in DECISIONS if page.name not in index] == []


def test_the_contributors_map_is_short_and_names_every_room(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text()
    assert len(text.splitlines()) < 100
    package = root / "src/notebook_agents"
    rooms = {p.name for p in package.iterdir() if (p / "__init__.py").is_file()}
    rooms |= {p.name for p in package.glob("[a-z]*.py")}
    assert {room for room in rooms if f"`{room}`" not in text} == set()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md"])
def test_named_make_targets_exist(root: Path, page: str) -> None:
    targets = set(re.findall(r"^(\w+):", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make (\w+)", (root / page).read_text()))
    assert named <= targets


def test_the_changelog_has_room_for_the_next_change(root: Path) -> None:
    headings = re.findall(r"^## (.+)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert "CHANGELOG.md merge=union" in (root / ".gitattributes").read_text()
