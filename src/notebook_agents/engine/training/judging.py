"""Judges replies: the right calls, the right results, and every value of a result in the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from notebook_agents.engine.training import replies
from notebook_agents.engine.training.conversation import SQL, Call, Exchange, Step
from notebook_agents.engine.training.natural import Request
from notebook_agents.engine.training.plotting import FIGURE
from notebook_agents.engine.training.product import Reply
from notebook_agents.engine.training.talk import ABOUT_CALLS, last_call, last_error

ERROR = "Error: "
"""How the result of a call begins that failed."""
REFUSALS = (replies.NO_KNOWLEDGE, replies.NO_TOOL)
_KINDS = {
    "refuse": REFUSALS,
    "ask": tuple(replies.ASK_BACK),
    "smalltalk": tuple(replies.SMALL_TALK),
    "identity": (replies.IDENTITY, replies.CAPABLE),
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
_SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}\b)")
_FIXED = tuple(re.escape(reply).replace(re.escape("{a}"), r"\w+") for reply in replies.FIXED)


def judged(exchange: Exchange, expected: Sequence[str], reply: Reply) -> dict[str, bool]:
    """Compare a reply with the reference: its calls, their results and the answer.

    `expected` are the results of the reference calls, really executed.
    """
    calls = tuple(step.call for step in exchange.steps)
    found = {"tool": [c.name for c in reply.calls[:1]] == [c.name for c in calls[:1]]}
    if reply.calls:
        found["valid"] = reply.is_valid
    if not calls:
        return {**found, "end to end": not reply.calls and reply.answer == exchange.answer}
    is_said = bool(reply.results) and _is_said(reply.results[-1], exchange, reply.answer)
    is_result = bool(reply.results) and _is_result(reply, calls, expected[-1])
    found |= {"call": reply.calls == calls, "result": is_result}
    if is_result:
        found["copied, given the result"] = is_said
    return {**found, "end to end": is_result and is_said}


def about_earlier(exchange: Exchange, before: Iterable[Reply]) -> Exchange:
    """A question about earlier calls with the answer that is true of what was really called."""
    if exchange.category != ABOUT_CALLS:
        return exchange
    done = (zip(reply.calls, reply.results, strict=False) for reply in before)
    steps = [Step(call, result) for pairs in done for call, result in pairs]
    is_failure = exchange.answer.startswith((replies.LAST_ERROR, replies.NOTHING_FAILED))
    return replace(exchange, answer=(last_error if is_failure else last_call)(steps))


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
    end = r"\d*" if "." in expected else r"(?!\d|\.\d*[1-9])"
    alone = rf"(?<![\w.-]){re.escape(expected)}{end}(?![a-z_]|\.[a-z])"
    return re.search(alone, answer) is not None


def judged_refusal(reply: Reply) -> dict[str, bool]:
    """What was done with a request outside the domain; own words are an invention.

    The result of a call that nobody asked for is true, and misleads all the same.
    """
    fixed = not reply.calls and any(re.fullmatch(f, reply.answer) for f in _FIXED)
    refused = fixed and reply.answer in REFUSALS
    return {
        "refused": refused,
        "other fixed reply": fixed and not refused,
        "needless call": bool(reply.calls),
        "needless result": bool(reply.results) and not reply.results[-1].startswith(ERROR),
        "invention": not reply.calls and not fixed,
    }


def _is_result(reply: Reply, calls: tuple[Call, ...], expected: str) -> bool:
    """Whether the product gave what the reference gives.

    The same calls give the same unless the product failed. Of other calls the values count, and a
    figure, of which nothing is known but that it is there, proves nothing.
    """
    shown, is_same = reply.results[-1], reply.calls == calls
    if FIGURE in (shown, expected):
        return is_same and shown == expected
    failed, should_fail = shown.startswith(ERROR), expected.startswith(ERROR)
    if failed or should_fail:
        return shown == expected or (is_same and failed == should_fail)
    return is_same or _values(reply.calls[-1], shown) == _values(calls[-1], expected)


def _is_said(shown: str, exchange: Exchange, answer: str) -> bool:
    """Whether an answer has all words of a result in their order and ends with them.

    The first line of a result is left out where the answer of the reference leaves it out, as that
    of a list leaves out the header. An answer to a result without words is one of fixed words.
    """
    reference, lines = exchange.steps[-1].result, shown.split("\n")
    if shown.startswith(ERROR):
        return _ends_with(_words(answer), _words(lines[0].removeprefix(ERROR)))
    head = _words(reference.split("\n")[0])
    is_left_out = not reference.startswith(ERROR) and not _in_order(head, _words(exchange.answer))
    wanted = _words("\n".join(lines[1:] if is_left_out else lines))
    return _ends_with(_words(answer), wanted) if wanted else answer == exchange.answer


def _values(call: Call, result: str) -> list[str]:
    """The words of a result, of a query without its header, and numbers to three places."""
    lines = result.strip().split("\n")
    words = _words("\n".join(lines[1:] if call.name == SQL else lines))
    return [_rounded(float(word)) if _NUMBER.fullmatch(word) else word for word in words]


def _rounded(number: float) -> str:
    if abs(number) < 1e-9:
        return "0"
    return f"{number:.3f}" if round(abs(number), 3) >= 1 else f"{number:.3g}"


def _words(text: str) -> list[str]:
    found = (word.strip(".:") for word in re.split(r"[\s,:`]+", text))
    return [word for word in found if word]


def _in_order(wanted: Iterable[str], words: Iterable[str]) -> bool:
    rest = iter(words)
    return all(word in rest for word in wanted)


def _ends_with(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether all wanted words stand there in their order, the last one at the very end."""
    return words[-1:] == wanted[-1:] and _in_order(wanted, words)
