"""What the loop does not leave to a model: which tools it is told of, which calls are not repeated.

Both follow from what is known of the model and from the history of the run, so that a run that
waited for approval goes on by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from notebook_agents.core.events import Warned
from notebook_agents.core.history import open_calls
from notebook_agents.core.messages import Message, ToolCallPart, ToolResultPart
from notebook_agents.core.models import BUNDLED_TOOLS, ModelInfo
from notebook_agents.core.outside_tools import is_outside

if TYPE_CHECKING:
    from notebook_agents.core.tools import ToolSpec

SAME_FAILURES = 2
"""How often in a row a call may fail before the very same call is not made again."""
SAME_RESULTS = 3
"""How often the very same call may give the very same result before it is not made again."""
MAX_NAMED = 8
"""Tools that a warning names."""
TOOLS_WARNING = (
    "the built-in model only knows its own tools and was not told of: {names}; another model can "
    "use them: %agent model NAME in a notebook, `model` of an agent or of a request elsewhere"
)
EXPLICIT_HINT = "; or call one yourself: /{name}"


def is_told(model: ModelInfo, spec: ToolSpec) -> bool:
    """Whether a model can be told of a tool."""
    return model.accepts_user_tools or spec.name in BUNDLED_TOOLS


def tools_warning(
    model: ModelInfo, specs: Sequence[ToolSpec], history: Sequence[Message] = ()
) -> Warned | None:
    """What the user must know when a model is not told of some tools.

    Tools of this package count only where it is told of none: an agent has them without asking.
    Whoever calls a tool themselves need not be told.
    """
    if open_calls(history):
        return None
    untold = [spec for spec in specs if not is_told(model, spec)]
    if len(untold) < len(specs):
        untold = [spec for spec in untold if not spec.is_built_in]
    names = [spec.name for spec in untold]
    if not names:
        return None
    named, n_more = ", ".join(names[:MAX_NAMED]), len(names) - MAX_NAMED
    named += f" and {n_more} more" if n_more > 0 else ""
    message = TOOLS_WARNING.format(names=named)
    if outside := next((name for name in names if is_outside(name)), ""):
        message += EXPLICIT_HINT.format(name=outside)
    return Warned(code="tools_not_sent", message=message)


def repetition(model: ModelInfo, call: ToolCallPart, history: Sequence[Message]) -> str:
    """Why a call that has failed in this run is not made again; nothing for any other call.

    A larger model may have changed something before it tries again, so only the same failure twice
    in a row counts; the built-in one just repeats itself.
    """
    failed = failures(call, history, in_a_row=not model.is_bundled)
    if len(failed) < (1 if model.is_bundled else SAME_FAILURES):
        return _loop(call, history)
    times = "before" if len(failed) == 1 else f"{len(failed)} times"
    error = failed[-1].content.removeprefix("Error: ")
    return f"not made again, the same call failed {times}: {error}"


def _loop(call: ToolCallPart, history: Sequence[Message]) -> str:
    """Why a call that goes round in circles is not made again."""
    run = list(takewhile(lambda message: message.role != "user", reversed(history)))
    results = {result.call_id: result for message in run for result in message.tool_results}
    same = [
        result.content
        for message in run
        for other in message.tool_calls
        if (result := results.get(other.call_id)) is not None and not result.is_error
        if replace(other, call_id=call.call_id) == call
    ][:SAME_RESULTS]
    if len(same) < SAME_RESULTS or len(set(same)) > 1:
        return ""
    return f"not made again, the same call gave the same result {len(same)} times: use it"


def failures(
    call: ToolCallPart, history: Sequence[Message], *, in_a_row: bool
) -> list[ToolResultPart]:
    """The failed results of the very same call since the user spoke, the last one first.

    ``in_a_row`` counts those only after which nothing else was called.
    """
    run = list(takewhile(lambda message: message.role != "user", reversed(history)))
    results = {result.call_id: result for message in run for result in message.tool_results}
    failed: list[ToolResultPart] = []
    for other in (other for message in run for other in reversed(message.tool_calls)):
        result = results.get(other.call_id)
        if result is None:
            continue
        if result.is_error and replace(other, call_id=call.call_id) == call:
            failed.append(result)
        elif in_a_row:
            break
    return failed
