"""What a model reads in the first step of a run.

Runs are begun with it, and whoever wants to know beforehand gets the same: instructions, the
conversation so far, the question and the tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notebook_agents.core.explicit_calls import explicit_call
from notebook_agents.core.guardrails import is_told
from notebook_agents.core.history import answered, recent
from notebook_agents.core.messages import Message, ToolCallPart, system_message
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.outside_tools import offered
from notebook_agents.core.policy import PLAN_POLICY, PLAN_WORDS
from notebook_agents.core.provenance import for_model
from notebook_agents.core.run_events import ModelStarted

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent
    from notebook_agents.core.conversations import Conversation, MessageNode
    from notebook_agents.core.models import ModelInfo, Models
    from notebook_agents.core.run_wishes import Place
    from notebook_agents.core.run_work import WorkPorts
    from notebook_agents.core.runs import Run
    from notebook_agents.core.tools import ToolSpec
    from notebook_agents.core.workspaces import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPreview:
    """What would be sent, if the run were started."""

    request: GenerateRequest
    call: ToolCallPart | None
    """The call that the person wrote; it is made before the model is asked."""
    n_tokens: int
    is_counted: bool
    """Whether the model's own tokenizer counted; else it is a guess."""
    n_dropped: int = 0
    """Messages at the beginning that do not fit the model; known when it was counted."""


async def preview(run: Run, place: Place, ports: WorkPorts, models: Models) -> RunPreview:
    """What the model would read; nothing is kept and nobody is asked.

    The tokens are counted where the model is loaded; nothing is loaded for it.
    """
    conversation = place.conversation
    chain = await ports.store.chain(conversation.tip_id)
    messages = recent(told(chain, conversation, run.input), run.limits.max_history)
    tools = await ports.tools.runner_for(run.owner_id, run.conversation_id)
    call = explicit_call(messages, tools, run.tools)
    if system := await instructions(place.agent, run, ports.workspaces, conversation.workspace):
        messages.insert(0, system_message(system))
    model = await models.get(run.model)
    request = request_of(run, messages, offered(tools.specs(), run.tools), model)
    if not chain:
        # A conversation that was only thought of; one that begins is lent tools anew.
        ports.tools.take_back(conversation.id)
    count = await models.count_tokens(request)
    return RunPreview(
        request=request,
        call=call,
        n_tokens=count.n_tokens,
        is_counted=count.is_exact,
        n_dropped=count.n_dropped,
    )


def told(chain: Iterable[MessageNode], conversation: Conversation, *new: Message) -> list[Message]:
    """The messages of a conversation, and new ones, that a model is told of."""
    hidden = conversation.settings.hidden_runs
    kept = [node.message for node in chain if node.run_id not in hidden]
    return answered([*kept, *new])


async def instructions(agent: Agent, run: Run, workspaces: Workspaces, workspace: str) -> str:
    """The agent's, the run's own, the files there are, and whether it may only plan."""
    files = await workspaces.outline(workspace)
    plan = PLAN_WORDS if run.policy.name == PLAN_POLICY.name else ""
    return "\n".join(filter(None, (agent.instructions, run.system, files, plan)))


def request_of(
    run: Run,
    messages: Sequence[Message],
    specs: Iterable[ToolSpec],
    model: ModelInfo,
    max_tokens: int | None = None,
) -> GenerateRequest:
    """One step of a run as its model is asked for it."""
    return GenerateRequest(
        model=run.model,
        messages=for_model(messages, is_marked=not model.is_bundled),
        tools=tuple(spec.schema for spec in specs if is_told(model, spec)),
        sampling=replace(run.sampling, max_tokens=max_tokens),
        request_id=run.id,
    )


def begun(step: int, run: Run, n_messages: int, model: ModelInfo) -> ModelStarted:
    """What is recorded as a model is asked."""
    return ModelStarted(
        step=step, model=run.model, n_messages=n_messages, context_length=model.context_length
    )
