"""A prompt with its flags as the wish for a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.messages import user_message
from notebook_agents.core.models import Sampling
from notebook_agents.core.policy import ASK_POLICY, MODES, ApprovalPolicy
from notebook_agents.core.runs import Limits, StartRun
from notebook_agents.magics.environment import notebook_path
from notebook_agents.magics.instructions import instructions_of
from notebook_agents.magics.waiting import Waits

if TYPE_CHECKING:
    from notebook_agents.magics.flags import Approval, Options
    from notebook_agents.magics.options import Prompt
    from notebook_agents.magics.prompt_content import Asked
    from notebook_agents.magics.session import Identity, Session

TYPED = "typed"
"""Where a run keeps what the person wrote, when the model was told it in other words."""

POLICIES: dict[Approval, ApprovalPolicy] = {
    "ask": ASK_POLICY,
    "auto-edit": MODES["auto-edit"],
    "plan": MODES["plan"],
    "full": MODES["full"],
    "yes": MODES["full"],
}
"""By flag; without one the session's mode decides."""


def wish_of(text: str, options: Options, session: Session, identity: Identity) -> StartRun:
    """The run that a prompt asks for; what no flag says is the session's, then the agent's."""
    sampling, limits = None, None
    if options.temperature is not None or options.max_tokens is not None:
        sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    if options.max_tokens is not None or options.max_steps is not None:
        limits = Limits(timeout_s=identity.timeout_s, max_tokens=options.max_tokens)
    if limits is not None and options.max_steps is not None:
        limits = replace(limits, max_steps=options.max_steps)
    notebook = notebook_path(session.namespace)
    return StartRun(
        agent_id=identity.agent_id,
        message=user_message(text),
        conversation_id=session.conversation_id,
        workspace=session.folder,
        model=options.model or session.wished_model or None,
        tools=options.tools,
        sampling=sampling,
        limits=limits,
        history=options.history,
        policy=_policy(options, session),
        system=session.context.told(text, options.model or session.model, tools=options.tools),
        notebook=notebook.name if notebook else "",
    )


def may_ask(options: Options, session: Session) -> bool:
    """Whether a prompt may come to a question whether a tool may be called."""
    return options.tools != () and _policy(options, session).may_ask


def whole_wish(
    request: Prompt, asked: Asked, session: Session, identity: Identity
) -> Waits[StartRun]:
    """The run with all that goes with the prompt: instructions, the notebook, pictures."""
    options, text = request.options, asked.text
    yield from session.context.meet(session.host, options.model or session.model)
    wish = wish_of(text, options, session, identity)
    typed = {} if text == request.text else {TYPED: request.text}
    told = yield from instructions_of(session, options)
    seen = session.context.thumbnails(request.text, options.model or session.model)
    message = replace(asked.message, parts=(*asked.message.parts, *seen))
    wish = replace(
        wish,
        message=message,
        system="\n".join(filter(None, (told, wish.system))),
        metadata={**wish.metadata, **typed},
    )
    wish = replace(wish, lent=(yield from session.live.lent(options)))
    if identity.engaged is not None:
        wish = yield from identity.engaged.wish(session.host, wish)
    return wish


def _policy(options: Options, session: Session) -> ApprovalPolicy:
    return POLICIES.get(options.approval) or MODES[session.mode]
