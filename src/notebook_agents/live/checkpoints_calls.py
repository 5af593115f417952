"""Checkpoints around the calls of tools that run code in the notebook's kernel."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.code_effects import assess_code
from notebook_agents.core.code_names import kinds_of
from notebook_agents.live.checkpoints import Checkpoints, Work
from notebook_agents.live.checkpoints_changes import Cause, Coverage, Scope, title_of
from notebook_agents.live.scopes import scope_of

_OUTSIDE = re.compile(r"writes (.+), outside the working folder")
"""How the judgement of code words it."""
_log = logging.getLogger(__name__)


class CallCheckpoints(Checkpoints):
    """Checkpoints that are told of code: by calls, before and after each."""

    def __init__(self, namespace: Callable[[], dict[str, Any]], home: Path | None) -> None:
        super().__init__(namespace, home)
        self._variables = namespace
        self._open: dict[str, tuple[AbstractContextManager[Work], Work]] = {}

    def unsaved(self, *, code: str) -> tuple[tuple[str, str], ...]:
        """What the code may change without undo, and why; nothing is copied."""
        names = [(entry.name, entry.reason) for entry in self._coverage(code).unsaved]
        return (*names, *((path, "outside the folder") for path in self._outside(code)))

    def unsaved_text(self, *, code: str) -> str:
        """The same in one line for people; empty when everything can be undone."""
        return self._coverage(code).text

    def before(
        self, *, code: str, conversation_id: str, call_id: str, tool: str = "run_in_notebook"
    ) -> None:
        """Keep what the code may change; it runs next, on this thread."""
        cause = Cause(
            conversation_id=conversation_id, call_id=call_id, tool=tool, title=title_of(code)
        )
        try:
            around = self.around(self._scope(code), cause)
            self._open[call_id] = around, around.__enter__()
        except Exception as error:  # noqa: BLE001 - variables may be of any kind
            _log.warning("no checkpoint could be made", exc_info=error)

    def after(self, *, call_id: str) -> str:
        """Keep what is needed to take back what changed; that in one line, empty for nothing."""
        entry = self._open.pop(call_id, None)
        if entry is None:
            return ""
        around, work = entry
        try:
            around.__exit__(None, None, None)
        except Exception as error:  # noqa: BLE001 - variables may be of any kind
            _log.warning("a checkpoint could not be completed", exc_info=error)
        return work.note

    def _coverage(self, code: str) -> Coverage:
        with suppress(Exception):
            return self.preview(self._scope(code))
        return Coverage()

    def _outside(self, code: str) -> list[str]:
        """Files outside the folder that the code names and writes."""
        texts = [finding.text for finding in self._assessed(code).findings]
        found = (_OUTSIDE.fullmatch(text) for text in texts)
        return list(dict.fromkeys(match[1] for match in found if match))

    def _scope(self, code: str) -> Scope:
        return scope_of(code, self._variables(), self._assessed(code))

    def _assessed(self, code: str) -> Assessment:
        return assess_code(code, names=kinds_of(self._variables()), folder=str(Path.cwd()))
