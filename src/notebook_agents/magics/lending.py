"""Lends the notebook's data frames to the agent's tools, as copies.

Tools run in a sandbox of their own and never in the notebook's kernel. So that a question about
``df`` can be answered, the frames a prompt is about are copied into the conversation's tool kernel
before the run. What the agent does to a copy leaves the notebook's frame as it was.
"""

from __future__ import annotations

import base64
import hashlib
import keyword
import pickle
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.live.visibility import Visibility
from notebook_agents.magics.context import frames_by_name, words_of

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor

MAX_LENT_BYTES = 8 << 20
"""All frames of one prompt together; more belongs in a file."""
LEND_TIMEOUT_S = 30.0
TOOLS = frozenset({"python_executor", "inspect_variable"})
"""The tools that see the copies."""
_FAILED = "not-lent"
_DEFINITION = f"""\
try:
    {{name}} = __import__("pickle").loads(__import__("base64").b64decode({{data!r}}))
except Exception:
    print("{_FAILED}", "{{name}}", __import__("sys").exc_info()[0].__name__)"""
"""Each frame by itself, and no name but its own: the kernel is the agent's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """Frames ready to be sent, and why others are not."""

    code: str = ""
    """Run in the tool kernel, it defines the frames."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """What each frame is, by name, to tell whether it has changed."""
    notes: tuple[str, ...] = ()


def frames_in_question(
    text: str,
    namespace: Mapping[str, Any],
    lent: Collection[str],
    visibility: Visibility | None = None,
) -> dict[str, Any]:
    """The frames that a prompt names, by their own name or a column's, and those lent before."""
    words = words_of(text)
    wanted = words | {name.lower() for name in lent}
    return {
        name: frame
        for name, frame in frames_by_name(namespace, visibility or Visibility(), wanted).items()
        if name in lent
        or name.lower() in words
        or any(str(column).lower() in words for column in frame.columns[:1000])
    }


def pack(frames: Mapping[str, Any], lent: Mapping[str, str] | None = None) -> Loan:
    """Write frames as code for the tool kernel, as many as fit.

    ``lent`` has the digests of frames that the kernel has already: one that has not changed since
    is left out, so that what the agent did to its copy survives.
    """
    lines, digests, notes, room = [], {}, [], MAX_LENT_BYTES
    for name, frame in frames.items():
        n_bytes = int(frame.memory_usage(deep=False).sum())
        is_small = n_bytes <= MAX_LENT_BYTES and _is_assignable(name)
        data = _pickled(frame) if is_small else b""
        digest = hashlib.sha256(data).hexdigest()
        if digest == (lent or {}).get(name):
            continue
        if not data or len(data) > room:
            notes.append(f"the tools do not see {name}: it is too large or cannot be copied")
            continue
        room -= len(data)
        digests[name] = digest
        lines.append(_DEFINITION.format(name=name, data=base64.b64encode(data)))
    return Loan(code="\n".join(lines), digests=digests, notes=tuple(notes))


async def missing(
    core: Core, actor: Actor, conversation_id: str, names: Collection[str]
) -> set[str]:
    """Which of the frames lent before the tool kernel has not, because it was started anew."""
    code = f"print(*set({sorted(names)!r}).difference(globals()))"
    outcome = await core.conversations.run_code(actor, conversation_id, code)
    return set(names) & set(outcome.output.split())


async def lend(core: Core, actor: Actor, conversation_id: str, loan: Loan) -> dict[str, str]:
    """Define the frames in the conversation's tool kernel; those that failed, and why."""
    try:
        outcome = await core.conversations.run_code(
            actor, conversation_id, loan.code, timeout_s=LEND_TIMEOUT_S
        )
    except SandboxUnavailable as error:
        return dict.fromkeys(loan.digests, error.message)
    if outcome.reason:
        return dict.fromkeys(loan.digests, outcome.error_name or outcome.reason)
    words = [line.split() for line in outcome.output.splitlines()]
    return {w[1]: w[2] for w in words if len(w) == 3 and w[0] == _FAILED and w[1] in loan.digests}


def _is_assignable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _pickled(frame: Any) -> bytes:
    try:
        return pickle.dumps(frame, protocol=5)
    except Exception:  # noqa: BLE001 - a cell may hold anything, with a __reduce__ of its own
        return b""
