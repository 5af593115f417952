"""Shares of right answers, the thresholds they are held to, and both as tables for readers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

Scores = dict[str, dict[str, list[bool]]]
"""Right or wrong, by category and measure."""
ALL = "all"

HELD_VOCABULARY, HELD_TEMPLATES = "vocabulary", "templates"


@dataclass(frozen=True)
class Threshold:
    """A value that a release should reach, in per cent."""

    table: str
    measure: str
    wanted: float
    row: str = ALL
    is_limit: bool = False
    """Whether the measure should stay below."""


def _split(split: str, shares: tuple[float, ...]) -> list[Threshold]:
    forced, executed = f"exact match, {split}", f"end to end, {split}"
    places = (
        (executed, "valid"), (forced, "tool"), (forced, "call"),
        (executed, "copied, given the result"), (executed, "end to end"),
    )  # fmt: skip
    return [Threshold(t, m, share) for (t, m), share in zip(places, shares, strict=True)]


THRESHOLDS = (
    *_split(HELD_VOCABULARY, (99.5, 99.0, 96.0, 99.0, 95.0)),
    *_split(HELD_TEMPLATES, (99.5, 96.0, 82.0, 98.0, 80.0)),
    Threshold("natural requests", "end to end", 90.0),
    Threshold("out of domain", "invention", 1.0, is_limit=True),
)
"""What a release should reach; the end-to-end share of every single category has its own floor."""
CATEGORY_FLOORS = {
    f"end to end, {HELD_VOCABULARY}": 80.0,
    f"end to end, {HELD_TEMPLATES}": 60.0,
}
LEAST_ITEMS = 10
"""Categories with fewer items are not held to a floor: one item would decide."""


@dataclass
class Report:
    """Shares of right answers in per cent, by measure and category, with the number of items."""

    tables: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    sizes: str = ""
    """How much was measured, in words."""

    def add(self, title: str, scores: Scores) -> None:
        """Add one table: a row per category, a column per measure, and a row for all."""
        everything: dict[str, list[bool]] = defaultdict(list)
        for measures in scores.values():
            for measure, found in measures.items():
                everything[measure] += found
        rows = {**dict(sorted(scores.items())), ALL: everything}
        self.tables[title] = {name: _shares(measures) for name, measures in rows.items()}

    def markdown(self) -> str:
        """The thresholds and all tables as markdown."""
        tables = [_markdown(title, rows) for title, rows in self.tables.items()]
        return "\n".join([f"{self.sizes}\n", self._thresholds(), *tables])

    def _thresholds(self) -> str:
        lines = ["### thresholds", "", "| measure | wanted | measured | |", "|---|---|---|---|"]
        for t in THRESHOLDS:
            found = self.tables.get(t.table, {}).get(t.row, {}).get(t.measure)
            if found is None:
                continue
            is_met = found <= t.wanted if t.is_limit else found >= t.wanted
            sign = "≤" if t.is_limit else "≥"
            verdict = "met" if is_met else "missed"
            lines.append(f"| {t.table}: {t.measure} | {sign} {t.wanted} | {found} | {verdict} |")
        for table, floor in CATEGORY_FLOORS.items():
            if rows := self.tables.get(table, {}):
                found_text, verdict = _floor_verdict(rows, floor)
                lines.append(f"| {table}: every category | ≥ {floor} | {found_text} | {verdict} |")
        return "\n".join([*lines, ""])


def _floor_verdict(rows: dict[str, dict[str, float]], floor: float) -> tuple[str, str]:
    """The categories below a floor, and whether it is met by those with enough items."""
    shares = {name: row.get("end to end", 100.0) for name, row in rows.items() if name != ALL}
    below = {name: share for name, share in shares.items() if share < floor}
    few = [name for name in below if rows[name]["n"] < LEAST_ITEMS]
    low = ", ".join(f"{name} {share}" for name, share in below.items() if name not in few)
    told = [low or "all above"]
    if few:
        items = ", ".join(f"{name} {below[name]} (n = {rows[name]['n']:.0f})" for name in few)
        told.append(f"too few items to judge: {items}")
    return "; ".join(told), "missed" if low else "met"


def _shares(measures: dict[str, list[bool]]) -> dict[str, float]:
    shares = {k: round(100 * sum(v) / len(v), 1) for k, v in measures.items() if v}
    return {"n": max((len(v) for v in measures.values()), default=0), **shares}


def _markdown(title: str, rows: dict[str, dict[str, float]]) -> str:
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [f"### {title}", "", f"| category | {' | '.join(columns)} |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(str(row.get(c, "")) for c in columns) + " |")
    return "\n".join([*lines, ""])
