"""What has changed in a notebook since somebody looked last.

A fingerprint is small and cheap: identity, size, types, and a checksum of the content, of large
values of a sample. Nothing is copied. A change is told in the words of its kind: rows, columns,
types, fitted. What a sample does not show is not found; that is the price of speed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from notebook_agents.live.changes_content import digest_of, parts_of, size_of, state_of, text_of
from notebook_agents.live.describe_classes import class_name
from notebook_agents.live.describe_words import Look, listed

ChangeKind = Literal["new", "changed", "removed"]
MAX_PARTS = 4
UNKNOWN = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What is remembered of one variable."""

    identity: int
    kind: str
    size: str = ""
    """``1,000 rows``."""
    text: str = ""
    """Of a number or a text: the value, without secrets."""
    state: str = ""
    """``fitted``."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Columns with their types, keys, parameters."""
    digest: int = UNKNOWN
    """Of the content; 0 when there was no time or no way to read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One variable that is not what it was."""

    name: str
    kind: ChangeKind
    text: str = ""
    """``1,000 rows → 980 rows; column age now float64``."""

    def __str__(self) -> str:
        """``df: 1,000 rows → 980 rows``."""
        return f"{self.name}: {self.text}" if self.kind == "changed" else f"{self.name} {self.kind}"


Snapshot = Mapping[str, Fingerprint]


def snapshot(namespace: Mapping[str, Any], look: Look | None = None) -> Snapshot:
    """The fingerprints of variables, the newest first, as far as there is time to read them."""
    look = look or Look()
    names = reversed(list(namespace))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: fingerprint(namespace[name], look) for name in names}


def fingerprint(value: Any, look: Look) -> Fingerprint:
    """What is remembered of a value; never raises."""
    known = Fingerprint(identity=id(value), kind=class_name(type(value)))
    try:
        return Fingerprint(
            identity=known.identity,
            kind=known.kind,
            size=size_of(value),
            text=text_of(value, look),
            state=state_of(value),
            parts=parts_of(value, look),
            digest=UNKNOWN if look.is_over else digest_of(value) or 1,
        )
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever a library makes of a broken value
        return known


def differences(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """What is new, changed and gone, in this order."""
    new = [Change(name=name, kind="new") for name in after if name not in before]
    texts = {name: _difference(before[name], after[name]) for name in after if name in before}
    changed = [Change(name=name, kind="changed", text=text) for name, text in texts.items() if text]
    removed = [Change(name=name, kind="removed") for name in before if name not in after]
    return (*new, *changed, *removed)


def _difference(before: Fingerprint, after: Fingerprint) -> str:
    if before == after:
        return ""
    if before.kind != after.kind:
        return f"was {_kind(before)}, now {_kind(after)}"
    if before.text != after.text and before.text and after.text:
        return f"{before.text} → {after.text}"
    said = []
    if before.size != after.size:
        said.append(f"{before.size} → {after.size}")
    said += _part_texts(before.parts, after.parts)
    if before.state != after.state:
        said.append(f"now {after.state}")
    if said:
        return "; ".join(said)
    if UNKNOWN in (before.digest, after.digest):
        return "assigned anew" if before.identity != after.identity else ""
    return "values changed" if before.digest != after.digest else ""


def _part_texts(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    changed = [
        f"{name} now {kind}" if kind else f"{name} changed"
        for name, kind in after.items()
        if name in before and before[name] != kind
    ]
    added = [name for name in after if name not in before]
    gone = [name for name in before if name not in after]
    if changed and len(added) == len(gone) == 0 and len(changed) > MAX_PARTS:
        return [f"{listed(changed, len(changed), MAX_PARTS)}"]
    texts = [listed(changed, len(changed), MAX_PARTS)] if changed else []
    for names, verb in ((added, "added"), (gone, "removed")):
        if names:
            texts.append(f"{listed(names, len(names), MAX_PARTS)} {verb}")
    return texts


def _kind(found: Fingerprint) -> str:
    return f"{found.kind} {found.text}" if found.text else found.kind
