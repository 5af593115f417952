"""Lends the notebook's data frames to the agent's Python tool, as copies.

Tools run in a sandbox of their own and never in the notebook's kernel. So that a question about
``df`` can be answered, the frames a prompt is about are copied into the conversation's tool kernel
before the run. What the agent does to a copy leaves the notebook's frame as it was.
"""

from __future__ import annotations

import base64
import pickle
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.core.tools import SandboxCall
from notebook_agents.magics.context import frames_by_name

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor

MAX_LENT_BYTES = 8 << 20
"""All frames of one prompt together; more belongs in a file."""
LEND_TIMEOUT_S = 30.0
TOOL = "python_executor"
"""The tool that sees the copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """Frames ready to be sent, and why others are not."""

    code: str = ""
    """Run in the tool kernel, it defines the frames."""
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def frames_in_question(
    text: str, namespace: Mapping[str, Any], lent: Collection[str]
) -> dict[str, Any]:
    """The frames that a prompt names, by their own name or a column's, and those lent before."""
    words = {word.lower() for word in re.findall(r"\w+", text)}
    return {
        name: frame
        for name, frame in frames_by_name(namespace).items()
        if name in lent
        or name.lower() in words
        or any(str(column).lower() in words for column in frame.columns[:1000])
    }


def pack(frames: Mapping[str, Any]) -> Loan:
    """Write frames as code for the tool kernel, as many as fit."""
    lines, names, notes, room = ["import base64, pickle"], [], [], MAX_LENT_BYTES
    for name, frame in frames.items():
        n_bytes = int(frame.memory_usage(deep=False).sum())
        data = b"" if n_bytes > room else _pickled(frame)
        if not data or len(data) > room:
            notes.append(f"the tools do not see {name}: it is too large or cannot be copied")
            continue
        room -= len(data)
        names.append(name)
        lines.append(f"{name} = pickle.loads(base64.b64decode({base64.b64encode(data)!r}))")
    lines.append("del base64, pickle")
    return Loan(code="\n".join(lines) if names else "", names=tuple(names), notes=tuple(notes))


async def lend(core: Core, actor: Actor, conversation: Conversation, loan: Loan) -> str:
    """Define the frames in the conversation's tool kernel; why it failed, or nothing."""
    agent = await core.agents.get(actor, conversation.agent_id)
    outcome = await core.sandbox.execute(
        SandboxCall(
            key=conversation.id,
            owner_id=conversation.owner_id,
            workspace=conversation.workspace,
            level=agent.security_level,
            timeout_s=LEND_TIMEOUT_S,
            memory_bytes=agent.max_memory_mb << 20,
            code=loan.code,
        )
    )
    if not outcome.reason:
        return ""
    names = ", ".join(loan.names)
    return f"the tools do not see {names}: {outcome.error_name or outcome.reason}"


def _pickled(frame: Any) -> bytes:
    try:
        return pickle.dumps(frame, protocol=5)
    except Exception:  # noqa: BLE001 - a cell may hold anything, with a __reduce__ of its own
        return b""
