"""Chats: conversations that are set up with a model, a persona and tools, and changed on the way.

What is chosen is kept in the settings of the conversation, in the client's own words too, so that
every run of it, whoever starts it, answers as it was set up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.agents import ASSISTANT
from notebook_agents.core.conversations import (
    Conversation,
    ConversationChanges,
    ConversationSettings,
    StartConversation,
)
from notebook_agents.core.errors import Conflict, EngineUnavailable, InvalidRequest, NotFound
from notebook_agents.core.model_rules import ModelSettings, ModelWish, settle, vendor_model
from notebook_agents.core.models import Sampling
from notebook_agents.core.personas import DEFAULT_PERSONA
from notebook_agents.core.run_service import TITLE_CHARS
from notebook_agents.core.run_wishes import kept_tools
from notebook_agents.core.runs import ApprovalDecision, ListRuns, StartRun
from notebook_agents.core.slugs import new_slug

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent, Agents
    from notebook_agents.core.conversations import Conversations
    from notebook_agents.core.messages import Message
    from notebook_agents.core.models import Models
    from notebook_agents.core.personas import Persona, Personas
    from notebook_agents.core.run_service import Runs
    from notebook_agents.core.runs import Run
    from notebook_agents.core.tools import Tools
    from notebook_agents.core.toolsets import Toolsets
    from notebook_agents.core.users import Actor

N_SLUG_TRIES = 20
"""How often words that somebody has already may be thrown before we give up."""
OWN_WORDS = "chat"
"""Under this name the options of a conversation's settings hold how it was set up."""
MODEL_FIELDS = ("temperature", "reasoning_effort", "budget_tokens", "max_tokens")
"""What can be changed of a model."""
PERSONA = "persona_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartChat:
    """The wish for a chat."""

    model: ModelWish
    persona: str = DEFAULT_PERSONA
    """One that is not there is the default one."""
    custom_prompt: str = ""
    """Instructions beside those of the persona."""
    continues: str = ""
    """The slug or id of a conversation to go on with; its messages and tools stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation with what it was set up with, as it holds now."""

    conversation: Conversation
    model: ModelSettings
    custom_prompt: str
    tools: tuple[str, ...]
    """Names, and patterns for those of tool servers."""

    @property
    def name(self) -> str:
        """How clients call it: its slug, else its id."""
        return self.conversation.slug or self.conversation.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatUpdate:
    """What became of changes."""

    chat: Chat
    changes: Mapping[str, tuple[Any, Any]]
    """By field, the values before and after."""
    failed: tuple[str, ...]
    """Fields that could not be changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPorts:
    """What the chats service works with."""

    agents: Agents
    conversations: Conversations
    models: Models
    personas: Personas
    runs: Runs
    tools: Tools
    toolsets: Toolsets


class Chats:
    """Set conversations up, change how they answer, and speak in them."""

    def __init__(self, ports: ChatPorts) -> None:
        self._ports = ports

    async def start(self, actor: Actor, wish: StartChat) -> Chat:
        """Begin a chat, or set a conversation up anew that goes on.

        Raises InvalidRequest naming the field when the model is unknown, a value is out of its
        bounds, or the conversation to go on with is not the actor's.
        """
        ports = self._ports
        model = settle(wish.model, await ports.models.list())
        persona = await ports.personas.pick(wish.persona)
        if persona.name != wish.persona:
            model = replace(model, not_applied=(*model.not_applied, PERSONA))
        if not wish.continues:
            settings = _settings(ConversationSettings(), model, persona, wish.custom_prompt)
            return await self._chat(actor, await self._begin(actor, settings), model)
        try:
            conversation = await ports.conversations.resolve(actor, wish.continues)
        except NotFound:
            raise InvalidRequest(
                "there is no such conversation to go on with", field="ui_session_id"
            ) from None
        conversation.require_open()
        settings = _settings(conversation.settings, model, persona, wish.custom_prompt)
        changed = await ports.conversations.update(
            actor, conversation.id, ConversationChanges(settings=settings)
        )
        return await self._chat(actor, changed, model)

    async def _begin(self, actor: Actor, settings: ConversationSettings) -> Conversation:
        agent = await self._ports.agents.ensure(actor, ASSISTANT)
        for n_taken in range(N_SLUG_TRIES):
            wish = StartConversation(agent_id=agent.id, slug=new_slug(n_taken), settings=settings)
            try:
                return await self._ports.conversations.start(actor, wish)
            except Conflict as taken:
                if taken.details.get("field") != "slug":
                    raise
        raise Conflict("no name was found for the conversation; try again")

    async def of(self, actor: Actor, conversation: Conversation) -> Chat:
        """How a conversation is set up, also one that was begun elsewhere."""
        agent = await self._ports.agents.get(actor, conversation.agent_id)
        wish = _wish_of(conversation.settings, agent)
        try:
            settled = settle(wish, await self._ports.models.list())
        except InvalidRequest:  # the deployment's models or their bounds are others than they were
            settled = ModelSettings(
                model=wish.model,
                backend=wish.backend or "",
                temperature=wish.temperature,
                max_tokens=wish.max_tokens,
                wish=wish,
            )
        return await self._chat(actor, conversation, settled, agent)

    async def update(
        self, actor: Actor, conversation: Conversation, changes: Mapping[str, Any]
    ) -> ChatUpdate:
        """Change what can be changed of ``persona_name``, ``custom_prompt`` and `MODEL_FIELDS`."""
        before = await self.of(actor, conversation)
        custom_prompt, failed = before.custom_prompt, []
        persona = await self._ports.personas.pick(conversation.settings.persona or DEFAULT_PERSONA)
        model = before.model
        for name, value in changes.items():
            if name == PERSONA:
                found = await self._ports.personas.find(value)
                persona = found or persona
                is_done = found is not None
            elif name in MODEL_FIELDS:
                settled = await self._resettle(model, name, value)
                model = settled or model
                is_done = settled is not None
            else:
                assert name == "custom_prompt", name
                custom_prompt, is_done = value, True
            if not is_done:
                failed.append(name)
        settings = _settings(conversation.settings, model, persona, custom_prompt)
        changed = await self._ports.conversations.update(
            actor, conversation.id, ConversationChanges(settings=settings)
        )
        chat = await self._chat(actor, changed, model)
        now, was = _values(chat), _values(before)
        differences = {name: (was[name], now[name]) for name in now if was[name] != now[name]}
        return ChatUpdate(chat=chat, changes=differences, failed=tuple(failed))

    async def _resettle(self, model: ModelSettings, name: str, value: Any) -> ModelSettings | None:
        try:
            wish = replace(model.wish, **{name: value})
            settled = settle(wish, await self._ports.models.list())
        except InvalidRequest:
            return None
        return None if name in settled.not_applied else settled

    async def choose_tools(
        self, actor: Actor, conversation: Conversation, toolsets: tuple[str, ...]
    ) -> Chat:
        """Give the chat these toolsets and the essential ones, and no others.

        Raises InvalidRequest on the field ``tools`` when there is no such toolset.
        """
        tools = self._ports.toolsets.tools_of(toolsets)
        settings = replace(conversation.settings, tools=tools)
        changed = await self._ports.conversations.update(
            actor, conversation.id, ConversationChanges(settings=settings)
        )
        return await self.of(actor, changed)

    async def say(self, actor: Actor, conversation: Conversation, message: Message) -> Run:
        """Start a run that answers; EngineUnavailable when the chat's model is not served here."""
        chat = await self.of(actor, conversation)
        await self._require_served(chat.model.model)
        wish = StartRun(
            agent_id=conversation.agent_id, conversation_id=conversation.id, message=message
        )
        run = await self._ports.runs.start(actor, wish)
        if not conversation.title:
            title = ConversationChanges(title=message.text[:TITLE_CHARS])
            await self._ports.conversations.update(actor, conversation.id, title)
        return run

    async def waiting_run(self, actor: Actor, conversation: Conversation) -> Run:
        """The run of a conversation that waits for approval; Conflict when none does."""
        wish = ListRuns(conversation_id=conversation.id, states=("waiting_approval",), limit=1)
        found = (await self._ports.runs.list(actor, wish)).items
        if not found:
            raise Conflict("nothing waits for approval in this conversation")
        return found[0]

    async def approve(
        self, actor: Actor, conversation: Conversation, decisions: tuple[ApprovalDecision, ...]
    ) -> Run:
        """Answer the tool calls that wait; what is not named counts as denied."""
        run = await self.waiting_run(actor, conversation)
        return await self._ports.runs.decide(actor, run.id, decisions)

    async def _require_served(self, model: str) -> None:
        vendor = vendor_model(model)
        served = [each.id for each in await self._ports.models.list()]
        if vendor is None or model in served:
            return
        raise EngineUnavailable(
            f"the model {model!r} ({vendor.vendor}) is not served here: set"
            " NotebookAgentsApp.engine_url to an engine that offers it, or set the conversation up"
            f" with one of: {', '.join(served)}",
            model=model,
        )

    async def _chat(
        self,
        actor: Actor,
        conversation: Conversation,
        model: ModelSettings,
        agent: Agent | None = None,
    ) -> Chat:
        agent = agent or await self._ports.agents.get(actor, conversation.agent_id)
        return Chat(
            conversation=conversation,
            model=model,
            custom_prompt=_own_words(conversation.settings).get("custom_prompt", ""),
            tools=kept_tools(conversation, agent, self._ports.tools),
        )


def _settings(
    kept: ConversationSettings, model: ModelSettings, persona: Persona, custom_prompt: str
) -> ConversationSettings:
    """Other settings, such as the tools, stay as they are."""
    own_words = {"custom_prompt": custom_prompt, "model": asdict(model.wish)}
    return replace(
        kept,
        model=model.model,
        sampling=Sampling(temperature=model.temperature, max_tokens=model.max_tokens),
        instructions="\n\n".join(filter(None, (persona.content.strip(), custom_prompt.strip()))),
        persona=persona.name,
        options={**kept.options, OWN_WORDS: own_words},
    )


def _own_words(settings: ConversationSettings) -> Mapping[str, Any]:
    """What a chat was set up with; empty for a conversation that was begun elsewhere."""
    words = settings.options.get(OWN_WORDS)
    return words if isinstance(words, dict) else {}


def _wish_of(settings: ConversationSettings, agent: Agent) -> ModelWish:
    wished = _own_words(settings).get("model")
    if isinstance(wished, dict) and wished.get("model") == settings.model:
        return ModelWish(**wished)
    sampling = settings.sampling or agent.sampling
    return ModelWish(
        model=settings.model or agent.model,
        temperature=sampling.temperature,
        max_tokens=sampling.max_tokens,
    )


def _values(chat: Chat) -> dict[str, Any]:
    """The fields that can be changed, as they are."""
    model = {name: getattr(chat.model, name) for name in MODEL_FIELDS}
    persona = chat.conversation.settings.persona
    return {PERSONA: persona, "custom_prompt": chat.custom_prompt, **model}
