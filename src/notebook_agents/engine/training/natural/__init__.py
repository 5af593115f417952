"""Requests as people type them, written without sight of the training phrasings.

Nothing is trained on them and nothing is tuned on their failures. Each file has the folder and the
data frames that its requests are about.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request, or a short conversation judged by its last turn."""

    category: str
    turns: tuple[str, ...]
    tool: str
    """The last tool that a right answer needs; empty for none."""
    expected: tuple[str, ...] = ()
    """Texts that a right answer contains."""
    kind: str = ""
    """`plot`, or what a reply without a tool is: `refuse`, `ask`, `smalltalk`, `identity`."""
    code_contains: tuple[str, ...] = ()
    """Texts that the code of a right plot contains."""


@dataclass(frozen=True)
class RequestSet:
    """The requests of one file and what they find."""

    name: str
    files: dict[str, str]
    frames: dict[str, str]
    """CSV texts by the name of the frame."""
    requests: tuple[Request, ...]
    out_of_domain: tuple[str, ...]


def natural_sets() -> Iterator[RequestSet]:
    """Read every set, by name."""
    folder = resources.files(__package__)
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=str):
        read = tomllib.loads(file.read_text("utf-8"))
        yield RequestSet(
            file.name.removesuffix(".toml"),
            read["files"],
            read["frames"],
            tuple(map(_request, read["request"])),
            tuple(read["out_of_domain"]),
        )


def _request(found: dict[str, Any]) -> Request:
    return Request(
        found["category"],
        tuple(found["turns"] if "turns" in found else (found["text"],)),
        found["tool"],
        tuple(found.get("expected", ())),
        found.get("kind", ""),
        tuple(found.get("code_contains", ())),
    )
