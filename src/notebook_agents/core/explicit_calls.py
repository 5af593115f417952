"""Calls that a person writes: a message ``/tool {"argument": "value"}`` begins with that call.

Arguments are JSON or ``name=value`` words, quoted where they have spaces; values that are JSON
(numbers, true, lists) are taken as that where the tool's schema does not want text. What follows
the JSON, or stands on further lines, is for the model, which goes on with the result. A slash and a
word that is near no tool is a message like any other, so ``/tmp is full`` asks nothing of anybody,
unless all that follows are arguments.

The call is checked, asked about and recorded like one of a model. The model in the box, which knows
only its own tools, does not put the result into words: there the answer is the result.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from notebook_agents.core.call_texts import once
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.ids import new_id
from notebook_agents.core.messages import Message, ToolCallPart
from notebook_agents.core.outside_tools import closest, is_outside, offered
from notebook_agents.core.tool_names import OUTSIDE_PREFIX, ours, outside

if TYPE_CHECKING:
    from notebook_agents.core.models import ModelInfo
    from notebook_agents.core.ports import ToolRunner
    from notebook_agents.core.tools import ToolSpec

PREFIX = "said_"
"""What the ids of such calls begin with; providers take ids of up to 40 characters."""
SYNTAX = 'write /tool {"name": "value"} or /tool name=value'
BUILT_IN_NOTE = "(This is the result as it came; the built-in model does not comment on it.)"
_CALL = re.compile(r"\s*/([A-Za-z_][A-Za-z0-9_-]{0,127})(?=\s|$)")
_WORD = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)=")


def is_call(message: Message) -> bool:
    """Whether a message may ask for a call; tools decide it."""
    return message.role == "user" and _CALL.match(message.text) is not None


def is_written(call_id: str) -> bool:
    """Whether a person wrote the call, and no step of a model tells of it."""
    return call_id.startswith(PREFIX)


def explicit_call(
    history: Sequence[Message], runner: ToolRunner, names: Sequence[str]
) -> ToolCallPart | None:
    """The call that the message at the end of the history asks for.

    ``names`` are the tools of the run, the runner has all there are. Names that coding agents
    write, such as ``mcp__server__tool``, will do too. Raises InvalidRequest when there is no such
    tool, or not for this agent, or its arguments cannot be read.
    """
    text = history[-1].text if history and history[-1].role == "user" else ""
    match = _CALL.match(text)
    if match is None or not names:
        return None
    specs = runner.specs()
    known, usable = {spec.name: spec for spec in specs}, offered(specs, names)
    name = _in_our_words(match[1], known)
    found = known.get(name)
    if found is None:
        if why := runner.why_absent(name):
            raise InvalidRequest(why, field="message")
        _refuse_unknown(name, text[match.end() :], [spec.name for spec in usable])
        return None
    if found not in usable:
        raise InvalidRequest(f"this agent does not have the tool {name!r}", field="message")
    arguments = _arguments(text[match.end() :], found)
    return ToolCallPart(call_id=PREFIX + new_id().replace("-", ""), name=name, arguments=arguments)


def result_in_words(model: ModelInfo, history: Sequence[Message]) -> str:
    """The answer by rule after an explicit call; empty when the model is to answer."""
    if model.accepts_user_tools or len(history) < 2 or history[-1].role != "tool":
        return ""
    calls, results = history[-2].tool_calls, history[-1].tool_results
    if not any(is_written(call.call_id) for call in calls):
        return ""
    return "\n\n".join((*(result.content for result in results), BUILT_IN_NOTE))


def _in_our_words(name: str, known: Container[str]) -> str:
    if name in known:
        return name
    elsewhere = outside(name) if name.startswith(OUTSIDE_PREFIX) else ""
    return elsewhere if elsewhere and not elsewhere.endswith("*") else ours(name)


def _refuse_unknown(name: str, rest: str, names: Sequence[str]) -> None:
    near = closest(name, names)
    if near or is_outside(name) or _has_arguments(rest):
        hint = f"did you mean /{near}?" if near else f"there are: {', '.join(names) or 'none'}"
        plain = "" if near else "; a message for the model begins without the slash"
        raise InvalidRequest(f"there is no tool {name!r}; {hint}{plain}", field="message")


def _has_arguments(text: str) -> bool:
    """Whether it is written like a call and like nothing else: all name=value words, or JSON."""
    line = text.strip().partition("\n")[0]
    try:
        words = shlex.split(line)
    except ValueError:
        return False
    return line.startswith('{"') or (bool(words) and all(map(_WORD.match, words)))


def _arguments(text: str, spec: ToolSpec) -> dict[str, Any]:
    text = text.strip()
    if text.startswith("{"):
        return _from_json(text, spec)
    line = text.partition("\n")[0]
    if not line.strip():
        return {}
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise _wrong(spec, str(error).lower()) from None
    properties: Mapping[str, Any] = spec.parameters.get("properties", {})
    arguments: dict[str, Any] = {}
    for word in words:
        match = _WORD.match(word)
        if match is None:
            raise _wrong(spec, f"{word!r} is no name=value")
        arguments[match[1]] = _value(word[match.end() :], properties.get(match[1], {}))
    return arguments


def _from_json(text: str, spec: ToolSpec) -> dict[str, Any]:
    try:
        value, _ = json.JSONDecoder(object_pairs_hook=once).raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(spec, f"the JSON cannot be read: {error}") from None
    return dict(value)


def _value(text: str, schema: Any) -> Any:
    kinds = schema.get("type") if isinstance(schema, Mapping) else None
    if kinds == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _wrong(spec: ToolSpec, problem: str) -> InvalidRequest:
    names = ", ".join(spec.parameters.get("properties", {})) or "none"
    return InvalidRequest(
        f"the call of {spec.name} cannot be read: {problem}; {SYNTAX}; its arguments: {names}",
        field="message",
    )
