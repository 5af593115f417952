"""What a conversation of a measurement finds in its folder and in its kernel."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from notebook_agents.core.outlines import outline, outline_line
from notebook_agents.engine.training.conversation import Conversation
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.product import Setting


def generated_setting(conversation: Conversation) -> Setting:
    """The fixtures of a generated conversation."""
    frames = {
        name: (table.names, [list(row) for row in table.rows])
        for name, table in conversation.frames.items()
    }
    code = [
        f"{name} = pd.DataFrame({rows!r}, columns={names!r})"
        for name, (names, rows) in frames.items()
    ]
    line = outline_line("Dataframes", [outline(name, names) for name, (names, _) in frames.items()])
    return Setting(_files(conversation), _code(code), line, conversation.tools)


def written_setting(files: Mapping[str, str], frames: Mapping[str, str]) -> Setting:
    """Files and data frames (as CSV texts) written by hand."""
    code = [
        f"{name} = pd.read_csv(__import__('io').StringIO({text!r}))"
        for name, text in frames.items()
    ]
    names = {name: text.split("\n", 1)[0].strip().split(",") for name, text in frames.items()}
    line = outline_line("Dataframes", [outline(name, found) for name, found in names.items()])
    return Setting({path: text.encode() for path, text in files.items()}, _code(code), line)


def _code(lines: list[str]) -> str:
    # Only the frames: code that forgets to import pandas must fail as it does for users.
    return "\n".join(["import pandas as pd", *lines, "del pd"]) if lines else ""


def _files(conversation: Conversation) -> dict[str, bytes]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace(Path(folder), conversation),
    ):
        root = Path(folder)
        found = (path for path in sorted(root.rglob("*")) if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}
