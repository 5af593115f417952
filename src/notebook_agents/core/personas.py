"""Personas: named instructions, one Markdown file each.

A few come with the product; a deployment adds its own in a folder, where a file of the same name
takes the place of one of ours. The folder is read anew whenever somebody asks, so that a change
needs no restart. A file in a folder below is named after both: ``team/analyst.md`` is
``team - analyst``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parent / "persona_files"
DEFAULT_PERSONA = "default"
"""Always there; whoever asks for one that is not gets this."""
SEPARATOR = " - "
MAX_PERSONA_BYTES = 64 * 1024
MAX_PERSONAS = 500
MAX_DEPTH = 5
"""Folders below one another that are looked into."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Instructions under a name."""

    name: str
    content: str
    """The whole Markdown file."""
    file: str
    """The name of the file, without folders."""


class Personas:
    """The personas of a deployment."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folders = (folder, SHIPPED) if folder is not None else (SHIPPED,)

    async def list(self) -> tuple[Persona, ...]:
        """All of them by name, the default one first."""
        return await asyncio.get_running_loop().run_in_executor(None, self._read)

    async def find(self, name: str) -> Persona | None:
        """The one of that name."""
        return next((each for each in await self.list() if each.name == name), None)

    async def pick(self, name: str) -> Persona:
        """The one of that name, else the default one."""
        found = {each.name: each for each in await self.list()}
        return found.get(name) or found[DEFAULT_PERSONA]

    def _read(self) -> tuple[Persona, ...]:
        found: dict[str, Persona] = {}
        for folder in self._folders:
            for persona in _personas_in(folder):
                found.setdefault(persona.name, persona)
        if DEFAULT_PERSONA not in found:
            found[DEFAULT_PERSONA] = Persona(name=DEFAULT_PERSONA, content="", file="default.md")
        return tuple(sorted(found.values(), key=lambda each: (each.name != "default", each.name)))


def _personas_in(folder: Path) -> Iterator[Persona]:
    root = folder.resolve()
    for n, path in enumerate(_files_below(root)):
        if n == MAX_PERSONAS:
            _log.warning("there are more than %d personas; the others are left out", n)
            return
        if (content := _content(path, root)) is not None:
            name = SEPARATOR.join(path.relative_to(root).with_suffix("").parts)
            yield Persona(name=name, content=content, file=path.name)


def _files_below(root: Path) -> Iterator[Path]:
    """Markdown files in order; links to folders and hidden names are left out."""
    for folder, folders, names in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        folders[:] = sorted(n for n in folders if not n.startswith(".") and depth < MAX_DEPTH)
        for name in sorted(names):
            if name.endswith(".md") and not name.startswith("."):
                yield Path(folder, name)


def _content(path: Path, root: Path) -> str | None:
    """What a file says; None when it is no text of a sane size, or leads out of the folder."""
    try:
        target = path.resolve(strict=True)
        if not target.is_relative_to(root) or not target.is_file():
            _log.warning("the persona %s is not a file of its folder and is left out", path.name)
            return None
        with target.open("rb") as file:
            content = file.read(MAX_PERSONA_BYTES + 1)
        if len(content) > MAX_PERSONA_BYTES:
            raise ValueError(f"it has more than {MAX_PERSONA_BYTES} bytes")
        return content.decode()
    except (OSError, ValueError) as error:
        _log.warning("the persona %s cannot be read and is left out: %s", path.name, error)
        return None
