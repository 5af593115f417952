"""``%agent fix``: a corrected version of a cell that failed, as a diff and in a cell, never run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.live.describe import head_of
from notebook_agents.live.describe_words import Look
from notebook_agents.live.visibility import Visibility
from notebook_agents.magics.cells import NEXT_INPUT, TO_COPY, CellError, replace_running
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.facts import Help
from notebook_agents.magics.flags import Options
from notebook_agents.magics.markdown import fenced, in_markdown
from notebook_agents.magics.options import Prompt
from notebook_agents.magics.repairs import repair
from notebook_agents.magics.waiting import Waits

if TYPE_CHECKING:
    from notebook_agents.magics.session import Session

NO_ERRORS = "No errors since the kernel started."
BY_RULE = "by rule, without the model"
MAX_SOURCE_CHARS = 8_000
MAX_VARIABLES = 12
_ASKED = """\
This cell of a Jupyter notebook failed. Answer with the whole corrected cell in one Python code \
block, changed as little as possible, and before it one sentence that says what was wrong.

The cell:
```python
{source}
```

The error:
```text
{error}
```
{variables}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A proposed replacement of a cell."""

    number: int
    source: str
    code: str
    by: str
    """Who proposes it, and why."""
    where: str
    """Where the code is now."""

    @property
    def diff(self) -> str:
        """What differs from the cell that failed."""
        before, after = self.source.splitlines(), self.code.splitlines()
        name = f"cell {self.number}" if self.number else "the cell"
        lines = difflib.unified_diff(before, after, name, f"{name}, corrected", lineterm="")
        return "\n".join(lines)

    @property
    def _has_block(self) -> bool:
        """Whether the code has to be shown, because no cell holds it for certain."""
        return self.where in (TO_COPY, NEXT_INPUT)

    def __str__(self) -> str:
        code = f"\n\n{self.code}\n" if self._has_block else ""
        return f"{self.by}\n{self.diff}{code}\n[{self.where}]"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_markdown_(self) -> str:
        parts = [in_markdown(self.by), fenced(self.diff, "diff")]
        if self._has_block:
            parts.append(fenced(self.code, "python"))
        else:
            block = fenced(self.code, "python")
            parts.append(f"<details>\n<summary>The corrected cell</summary>\n\n{block}\n</details>")
        return "\n\n".join([*parts, f"<small>{in_markdown(self.where)}</small>"])


def fix(session: Session, argument: str, options: Options) -> Waits[Fix | Help]:
    """``%agent fix``."""
    error = _chosen(session, argument)
    if error is None:
        return Help(NO_ERRORS)
    if (options.model or session.model) == BUNDLED_MODEL:
        found = repair(error, session.namespace)
        if found is None:
            raise AgentError(
                f"the built-in demo model cannot write code, and no rule mends this {error.name};"
                " choose a model that can with: %agent model NAME, then: %agent fix"
            )
        code, by = found.code, f"{found.reason} ({BY_RULE})"
    else:
        code, by = yield from _asked(session, error)
    where = replace_running(session, code)
    return Fix(number=error.number, source=error.source, code=code, by=by, where=where)


def question(error: CellError, names: Mapping[str, Any], visibility: Visibility) -> str:
    """What the model is asked: the cell, the error, and the variables that the cell uses."""
    masker, visible = visibility.masker(names, error.secrets), visibility.visible(names)
    look = Look(masker=masker)
    lines = [
        *(f"- {name}: {head_of(value, look)}" for name, value in _used(error, visible)),
        *(f"- {name} (where it failed): {kind}" for name, kind in error.locals.items()),
    ]
    variables = "\n".join(["\nVariables:", *lines]) if lines else ""
    text = _ASKED.format(
        source=error.source[:MAX_SOURCE_CHARS].rstrip("\n"), error=error, variables=variables
    )
    return masker.masked(text)


def _asked(session: Session, error: CellError) -> Waits[tuple[str, str]]:
    text = question(error, session.namespace, session.visibility)
    options = Options(tools=(), history=0, format="markdown")
    answer = yield from session.prompt(Prompt(text=text, options=options, is_literal=True))
    code = answer.code.strip("\n")
    if not code:
        raise AgentError("the model answered without code; ask again: %agent fix")
    if code.strip() == error.source.strip():
        raise AgentError("the model changed nothing; ask it why: %agent why does this cell fail?")
    return code, f"{answer.model} proposes for cell {error.number}:"


def _chosen(session: Session, argument: str) -> CellError | None:
    errors = session.errors
    if not argument:
        return errors.last
    if not argument.isdecimal():
        raise AgentError(f"%agent fix takes the number of a cell, not {argument!r}: %agent fix 5")
    if int(argument) in errors:
        return errors[int(argument)]
    if not errors:
        return None
    known = ", ".join(str(number) for number in errors)
    raise AgentError(f"there is no error of cell {argument}; cells with errors: {known}")


def _used(error: CellError, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The variables that the cell mentions, in its order."""
    words = dict.fromkeys(re.findall(r"[^\W\d]\w*", error.source))
    return [(word, namespace[word]) for word in words if word in namespace][:MAX_VARIABLES]
