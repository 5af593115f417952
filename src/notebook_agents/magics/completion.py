"""Tab completion on a line that begins with ``%agent``: subcommands, flags, models and tools.

Tools complete after ``--tools`` and, for calls that people write, after ``/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from notebook_agents.magics.options import DEFAULT_MODEL, FLAGS
from notebook_agents.magics.subcommands import SUBCOMMANDS, TASK_VERBS

_LINE = re.compile(r"\s*(?:[\w, ]+=\s*)?%%?agent\s+(?P<words>.*)$")

Names = Callable[[], Sequence[str]]


class AgentCompleter:
    """An entry of IPython's ``custom_matchers``."""

    def __init__(self, *, models: Names, tools: Names) -> None:
        self._models = models
        self._tools = tools

    def candidates(self, line: str) -> list[str]:
        """What could stand at the end of ``line``."""
        found = _LINE.match(line)
        if found is None:
            return []
        *before, word = found["words"].split(" ")
        before = [text for text in before if text]
        previous = before[-1] if before else ""
        names: list[str]
        if previous in ("-m", "--model"):
            names = list(self._models())
        elif before == ["model"]:
            names = [*self._models(), DEFAULT_MODEL]
        elif before == ["task"]:
            names = list(TASK_VERBS)
        elif previous == "--tools":
            head, comma, word = word.rpartition(",")
            names = [head + comma + name for name in self._tools()]
            word = head + comma + word
        elif word.startswith("/") and not before:
            names = [f"/{name}" for name in self._tools()]
        elif word.startswith("-"):
            names = [name for flag in FLAGS for name in flag.names if name.startswith("--")]
        elif not before or previous == "help":
            names = list(SUBCOMMANDS)
        else:
            names = []
        return [name for name in names if name.startswith(word)]

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
