"""Judges replies: the right calls, the right results, and every value of a result in the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from notebook_agents.engine.training import replies
from notebook_agents.engine.training.conversation import PYTHON, READER, Call, Exchange
from notebook_agents.engine.training.natural import Request
from notebook_agents.engine.training.product import Reply

REFUSALS = (replies.NO_KNOWLEDGE, replies.NO_TOOL)
_KINDS = {
    "refuse": REFUSALS,
    "ask": tuple(replies.ASK_BACK),
    "smalltalk": tuple(replies.SMALL_TALK),
    "identity": (replies.IDENTITY, replies.CAPABLE),
}
_SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}\b)")
_FIXED = tuple(re.escape(reply).replace(re.escape("{t}"), r"\w+") for reply in replies.FIXED)


def judged(exchange: Exchange, expected: list[str], reply: Reply) -> dict[str, bool]:
    """Compare a reply with the reference: its calls, their results and the answer.

    `expected` are the results of the reference calls, really executed.
    """
    calls = tuple(step.call for step in exchange.steps)
    tool = [c.name for c in reply.calls[:1]] == [c.name for c in calls[:1]]
    found = {"valid": reply.is_valid, "tool": tool}
    if not calls:
        return {**found, "end to end": not reply.calls and reply.answer == exchange.answer}
    same = reply.calls == calls
    draws = calls[-1].name == PYTHON and expected[-1].endswith("[figure]")
    result = same or (
        not draws and bool(reply.results) and reply.results[-1].strip() == expected[-1].strip()
    )
    found = {**found, "call": same, "result": result}
    shown = reply.results[-1] if reply.results else ""
    copied = draws or _values(shown, calls[-1].name) <= _words(reply.answer)
    if result:
        found["copied, given the result"] = copied
    return {**found, "end to end": result and copied}


def judged_natural(request: Request, reply: Reply) -> dict[str, bool]:
    """Whether a reply to a natural request used the right tool and says what is expected."""
    tool = (reply.calls[-1].name if reply.calls else "") == request.tool
    if request.kind == "plot":
        code = str(reply.calls[-1].arguments.get("code", "")) if reply.calls else ""
        drew = bool(reply.results) and "[figure" in reply.results[-1]
        return {"tool": tool, "end to end": drew and all(c in code for c in request.code_contains)}
    if request.kind:
        return {"tool": tool, "end to end": tool and reply.answer in _KINDS[request.kind]}
    answer = _SEPARATOR.sub("", reply.answer)
    return {"tool": tool, "end to end": all(contains(answer, e) for e in request.expected)}


def contains(answer: str, expected: str) -> bool:
    """Whether an answer has an expected text; a number must stand there as a number of its own."""
    if not re.fullmatch(r"-?\d+(\.\d+)?", expected):
        return expected.lower() in answer.lower()
    end = r"\d*" if "." in expected else r"(?![\d]|\.\d*[1-9])"
    return re.search(rf"(?<![\d.]){re.escape(expected)}{end}", answer) is not None


def judged_refusal(reply: Reply) -> dict[str, bool]:
    """What was done with a request outside the domain; own words are an invention."""
    fixed = not reply.calls and any(re.fullmatch(f, reply.answer) for f in _FIXED)
    refused = fixed and reply.answer in REFUSALS
    return {
        "refused": refused,
        "other fixed reply": fixed and not refused,
        "needless call": bool(reply.calls),
        "invention": not reply.calls and not fixed,
    }


def is_called(reply: Reply, call: Call) -> bool:
    """Whether the first call of a reply is this one."""
    return reply.calls[:1] == (call,)


def _values(result: str, tool: str) -> set[str]:
    lines = result.split("\n")
    if result.startswith("Error: "):
        return _words([lines[0].removeprefix("Error: ")])
    is_table = tool not in (READER, PYTHON) and len(lines) > 1 and ", " in lines[0]
    return _words(lines[1:] if is_table or lines[0].endswith(")") else lines)


def _words(text: str | Iterable[str]) -> set[str]:
    whole = text if isinstance(text, str) else "\n".join(text)
    return {word.strip(".:") for word in re.split(r"[\s,:`]+", whole)} | {""}
