"""What an answer of a person is bound to: this very call, in this run, under these rules.

The digest is of the canonical form of a call: JSON with sorted keys in plain ASCII. So a space, a
look-alike letter or another order of characters makes another call, and the answer is not to it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_agents.core.messages import ToolCallPart
    from notebook_agents.core.policy import ApprovalPolicy
    from notebook_agents.core.runs import Run


def canonical(value: Any) -> str:
    """The one way to write a value; what people do not see is written as its number."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)


def rules_of(*policies: ApprovalPolicy | None) -> str:
    """A short name for the rules in force: another one as soon as one of them changes."""
    given = [asdict(policy) if policy else None for policy in policies]
    return hashlib.sha256(canonical(given).encode()).hexdigest()[:16]


def digest_of(call: ToolCallPart, run: Run, rules: str) -> str:
    """What an answer to a question about the call is bound to."""
    bound = {
        "call": call.call_id,
        "tool": call.name,
        "arguments": call.arguments,
        "run": run.id,
        "owner": run.owner_id,
        "policy": asdict(run.policy),
        "rules": rules,
    }
    return hashlib.sha256(canonical(bound).encode()).hexdigest()
