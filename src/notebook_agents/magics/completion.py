"""Tab completion on a line that begins with ``%agent``: subcommands, flags, and what follows them.

Which names stand behind a flag or a subcommand is in their rows, as a kind; the names of each kind
come from functions, because they change while the kernel lives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from notebook_agents.magics.flags import FLAG_BY_NAME, FLAGS
from notebook_agents.magics.options import COMMAND_FLAGS, DEFAULT_MODEL
from notebook_agents.magics.subcommands import SUBCOMMANDS, TASK_VERBS, WORDS

MAX_PATHS = 100
_LINE = re.compile(r"\s*(?:[\w, ]+=\s*)?%%?agent\s+(?P<words>.*)$")

Names = Callable[[], Sequence[str]]


class AgentCompleter:
    """An entry of IPython's ``custom_matchers``."""

    def __init__(self, names: Mapping[str, Names]) -> None:
        """``names`` by kind: models, aliases, tools, personas, settings and so on."""
        self._names = names

    def candidates(self, line: str) -> list[str]:
        """What could stand at the end of ``line``."""
        found = _LINE.match(line)
        if found is None:
            return []
        *before, word = found["words"].split(" ")
        before = [text for text in before if text]
        return [name for name in self._offered(before, word) if name.startswith(word)]

    def _offered(self, before: list[str], word: str) -> Sequence[str]:
        flag = FLAG_BY_NAME.get(before[-1]) if before else None
        command = WORDS.get(before[0]) if before else None
        if flag is not None and flag.takes_value:
            return self._behind_flag(flag.settings.get("choices"), flag.completes, word)
        if word.startswith("/") and not before:
            return [f"/{name}" for name in self._known("tools")]
        if word.startswith("-"):
            return _flags(command)
        if command == "sql":
            return ()  # see sql_completion
        if command is not None and len(before) == 1:
            row = SUBCOMMANDS[command]
            return [*self._known(row.completes, word), *row.switches]
        return list(WORDS) if all(text in FLAG_BY_NAME for text in before) else []

    def _behind_flag(self, choices: Sequence[str] | None, kind: str, word: str) -> Sequence[str]:
        if choices is not None:
            return choices
        head, comma, _ = word.rpartition(",") if kind == "tools" else ("", "", "")
        return [head + comma + name for name in self._known(kind)]

    def _known(self, kind: str, word: str = "") -> Sequence[str]:
        match kind:
            case "subcommands":
                return list(WORDS)
            case "tasks":
                return list(TASK_VERBS)
            case "paths":
                return _paths(word)
            case "switch":
                return ["on", "off", "status"]
            case "budget":
                return ["day", "month", "off"]
            case "choices":
                return [*self._known("models"), DEFAULT_MODEL]
            case "models":
                return [*self._of("models"), *self._of("aliases")]
            case "settings" if "=" in word:
                return self._of("choices of settings")
            case "settings":
                return [f"{name}=" for name in self._of("settings")]
            case _:
                return self._of(kind)

    def _of(self, kind: str) -> Sequence[str]:
        return self._names[kind]() if kind in self._names else ()

    @context_matcher()  # type: ignore[untyped-decorator]
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        """Complete for IPython, which then asks nobody else."""
        line = context.line_with_cursor[: context.cursor_position]
        names = self.candidates(line)
        return {
            "completions": [SimpleCompletion(text=name, type="magic") for name in names],
            "matched_fragment": line.rpartition(" ")[2] if names else context.token,
            "suppress": bool(names),
        }


def _flags(command: str | None) -> list[str]:
    """Long names of flags: of prompts, or those that mean something for a subcommand."""
    if command is not None:
        return sorted({*SUBCOMMANDS[command].switches, *COMMAND_FLAGS} - {"-o"})
    return [name for flag in FLAGS for name in flag.names if name.startswith("--")]


def _paths(word: str) -> list[str]:
    """Files and folders that begin so, folders with a slash."""
    folder, slash, _ = word.rpartition("/")
    try:
        found = sorted(Path(folder + slash or ".").expanduser().iterdir())
    except OSError:
        return []
    hidden = word.removeprefix(folder + slash).startswith(".")
    names = [
        f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"
        for path in found
        if hidden or not path.name.startswith(".")
    ]
    return [name for name in names if " " not in name and name.startswith(word)][:MAX_PATHS]
