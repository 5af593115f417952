"""The magic's memory within one kernel: its core, its agent and the current conversation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.displaypub import CapturingDisplayPublisher

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.conversations import StartConversation
from notebook_agents.core.errors import NotebookAgentsError, NotFound
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.runs import Run
from notebook_agents.core.users import Actor
from notebook_agents.live.desk import Desk
from notebook_agents.live.functions import Functions
from notebook_agents.live.visibility import Visibility
from notebook_agents.magics.advice import Advice
from notebook_agents.magics.aliases import Aliases
from notebook_agents.magics.approval import PersonAsker
from notebook_agents.magics.cells import Errors
from notebook_agents.magics.context import Context
from notebook_agents.magics.errors import agent_error
from notebook_agents.magics.lending import TOOLS, frames_in_question, lend, missing, pack
from notebook_agents.magics.live_tools import LiveTools
from notebook_agents.magics.preferences import Preferences
from notebook_agents.magics.previews import Preview, preview_of
from notebook_agents.magics.prompt_content import what_is_asked
from notebook_agents.magics.recording import CellRecorder
from notebook_agents.magics.replay import Recorder, play, record, verify
from notebook_agents.magics.run_end import end
from notebook_agents.magics.screen import NotebookScreen, Screen, TerminalScreen
from notebook_agents.magics.task_notebook import Engaged, engage
from notebook_agents.magics.transcript import Transcript
from notebook_agents.magics.turn import Asker, Turn
from notebook_agents.magics.undo import notebook_checkpoints, told
from notebook_agents.magics.waiting import Interrupted, Waits, attempt, until
from notebook_agents.magics.wishes import TYPED as TYPED
from notebook_agents.magics.wishes import may_ask, whole_wish

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.executions import Execution
    from notebook_agents.core.models import EngineHealth
    from notebook_agents.core.policy import Mode
    from notebook_agents.live.checkpoints_calls import CallCheckpoints
    from notebook_agents.magics.answer import Answer
    from notebook_agents.magics.host import CoreHost
    from notebook_agents.magics.options import Options, Prompt

AGENT_NAME = "notebook"
INSTRUCTIONS = (
    "You help a person in a Jupyter notebook. Use the tools to compute, to query data files and to "
    "read files; answer from what they return, briefly, and say so when something failed."
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the notebook's owner is for the core, and the agent that serves the notebook."""

    actor: Actor
    agent_id: str
    model: str
    """The agent's own, for prompts that name none."""
    timeout_s: float = 300.0
    """The agent's limit of one run."""
    engaged: Engaged | None = None
    """The execution of a task that the notebook works for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a prompt is shown, and where a person is asked."""

    screen: Screen
    ask: Asker


class Session:
    """What the magic remembers between cells, or a chat panel between messages."""

    def __init__(self, shell: Any, host: CoreHost, preferences: Preferences | None = None) -> None:
        self.shell = shell
        self.host = host
        self.preferences = preferences or Preferences()
        """What holds where no flag says otherwise."""
        self.aliases = Aliases(shell)
        self.is_kernel = hasattr(shell, "kernel")
        self.desk = Desk()
        """Where tools leave what only the notebook's own thread may do."""
        self.functions = Functions(shell.user_ns, self.desk, lambda: self.visibility)
        """Those of the notebook that prompts have offered to the model."""
        self.context = Context(shell, self.preferences)
        """What prompts tell about the variables."""
        self.live = LiveTools(self)
        """The tools that act in the notebook."""
        self.recorder = Recorder(shell)
        self.errors = Errors(shell)
        """By cell number, what failed there, as ``Err`` in prompts."""
        self.conversation_id = ""
        self.n_prompts = 0
        self.chosen_model = ""
        """For all prompts that name none; empty is the default."""
        self.own_mode: Mode | None = None
        """What may run unasked, where that differs from the settings."""
        self.default_model = BUNDLED_MODEL
        """The agent's, once the agent is known."""
        self.known_models: list[str] = []
        """Names seen so far, for completion."""
        self.known_tools: list[str] = []
        self.known_personas: list[str] = []
        self.known_providers: list[str] = []
        self.last_answer: Answer | None = None
        self.first_sign: Any = None
        """The output that the next prompt takes over."""
        self._identity: Identity | None = None
        self.folder = ""
        """Where the conversation's tools work."""
        self._lent: dict[str, str] = {}
        """Frames that the conversation's tools have copies of, each with its digest."""
        self._advice = Advice()

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's variables."""
        names: dict[str, Any] = self.shell.user_ns
        return names

    @property
    def visibility(self) -> Visibility:
        """Which variables a model may be told of."""
        return self.context.visibility

    @cached_property
    def cells(self) -> CellRecorder:
        """Looks at the notebook's own cells, where somebody wants that."""
        return CellRecorder(self.shell)

    @cached_property
    def checkpoints(self) -> CallCheckpoints:
        """What agents changed here, and how to take it back."""
        return notebook_checkpoints(self)

    @property
    def actor(self) -> Actor | None:
        """The notebook's owner, once somebody needed to know."""
        return self._identity.actor if self._identity else None

    @property
    def execution(self) -> Execution | None:
        """The execution of a task that this notebook works for, once somebody needed to know."""
        engaged = self._identity.engaged if self._identity else None
        return engaged.engagement.execution if engaged else None

    @property
    def model(self) -> str:
        """The model that the next prompt goes to unless it names one."""
        return self.wished_model or self.default_model

    @property
    def wished_model(self) -> str:
        """The model that was chosen or configured; empty leaves it to the notebook's agent."""
        return self.chosen_model or self.aliases.resolve(self.preferences.model)

    @property
    def mode(self) -> Mode:
        """What prompts that say nothing may do unasked."""
        mode: Mode = self.own_mode or self.preferences.mode
        return mode

    @property
    def has_moved(self) -> bool:
        """Whether the notebook has left the folder that the conversation's tools work in."""
        return bool(self.conversation_id) and str(Path.cwd()) != self.folder

    def identify(self, *, anew: bool = False) -> Waits[Identity]:
        """The owner and the notebook's agent, looked up once unless ``anew``."""
        if self._identity is None or anew:
            self._identity = yield from until(self.host.submit(_identify))
            self.default_model = self._identity.model
        return self._identity

    def reset(self) -> None:
        """Begin a new conversation with the next prompt; the model that was chosen stays.

        A task's notebook has but the one of its execution.
        """
        self.conversation_id = ""
        self.n_prompts = 0
        if not (self._identity and self._identity.engaged):
            self._identity = None
        self._lent = {}
        self.context.forget()
        self._advice.reset()

    def prompt(self, request: Prompt, stage: Stage | None = None) -> Waits[Answer]:
        """Serve one prompt: show it working, bind and return the answer.

        It is shown in the running cell unless a stage is given.
        Raises AgentError when there is none and Interrupted when the person stopped it.
        """
        options = self._settled(request.options)
        request = replace(request, options=options)
        stage = stage or self._cell(options)
        transcript = Transcript(
            model=options.model or self.model,
            format=options.format or "markdown",
            has_footer=self.preferences.footer,
        )
        stage.screen.show(transcript)
        try:
            if self.recorder.mode == "replay":
                turn, run = play(self, request, stage, transcript)
            else:
                turn, run = yield from self._play(request, stage, transcript)
                yield from record(self, request, run, transcript)
        except NotebookAgentsError as error:
            transcript.fail(error.message)
            stage.screen.end(transcript)
            raise agent_error(error, model=transcript.model) from error
        except (Interrupted, KeyboardInterrupt):
            transcript.fail("", state="cancelled")
            stage.screen.end(transcript)
            raise
        except Exception as error:
            transcript.fail(str(error))
            stage.screen.end(transcript)
            raise
        transcript.notes = self._advice.unsaid(transcript.notes)
        for note in self._advice.after(transcript):
            transcript.note(note)
        self.n_prompts += 1
        answer = yield from end(self, options, run, turn)
        verify(self, request, run)
        return answer

    def preview(self, request: Prompt) -> Waits[Preview]:
        """What a prompt would send; nothing is sent, kept or bound."""
        return preview_of(self, replace(request, options=self._settled(request.options)))

    def _settled(self, options: Options) -> Options:
        """The options with what no flag said, and the model that an alias stands for."""
        filled = self.preferences.fill(options)
        return replace(filled, model=self.aliases.resolve(filled.model)) if filled.model else filled

    def _play(
        self, request: Prompt, stage: Stage, transcript: Transcript
    ) -> Waits[tuple[Turn, Run]]:
        if self.has_moved and not (self._identity and self._identity.engaged):
            self.reset()
            transcript.note("the working folder has changed, so a new conversation begins")
        try:
            return (yield from self._attempt(request, stage, transcript))
        except NotFound as error:
            # Another client may have deleted what this kernel remembers.
            if error.kind not in ("agent", "conversation") or transcript.blocks:
                raise
            self.reset()
            transcript.note(f"the {error.kind} was deleted, so a new conversation begins")
            return (yield from self._attempt(request, stage, transcript))

    def _attempt(
        self, request: Prompt, stage: Stage, transcript: Transcript
    ) -> Waits[tuple[Turn, Run]]:
        self.folder = str(Path.cwd())
        identity = yield from self.identify()
        engaged = identity.engaged
        if engaged is not None:
            engaged.check(request.options)
            self.conversation_id = engaged.conversation_id
        transcript.model = request.options.model or self.model
        actor, asks = identity.actor, may_ask(request.options, self)
        health = yield from until(self.host.submit(lambda core: _begun(core, actor, asks=asks)))
        if transcript.model not in health.loaded_models:
            transcript.load()
            stage.screen.show(transcript)
        turn = Turn(
            host=self.host,
            actor=actor,
            screen=stage.screen,
            ask=stage.ask,
            desk=self.desk,
            transcript=transcript,
        )
        asked = yield from what_is_asked(request, self, transcript)
        text = asked.text
        if engaged is not None:
            known = yield from engaged.recorded(self.host, text, transcript)
            if known is not None:
                return turn, known
        if request.options.tools is None or not TOOLS.isdisjoint(request.options.tools):
            yield from self._lend_frames(request.text, identity, transcript)
        wish = yield from whole_wish(request, asked, self, identity)
        run = yield from told(self, transcript, turn.play(wish))
        self.context.remember()
        self.conversation_id = run.conversation_id
        return turn, run

    def _lend_frames(self, text: str, identity: Identity, transcript: Transcript) -> Waits[None]:
        """Copy the frames that the prompt is about to where the tools can see them."""
        frames = frames_in_question(text, self.namespace, self._lent, self.visibility)
        if not frames:
            return
        actor, known = identity.actor, self.conversation_id
        if remembered := self._lent.keys() & frames:
            gone = yield from attempt(
                self.host.submit(lambda core: missing(core, actor, known, remembered))
            )
            for name in gone:
                del self._lent[name]
        loan = pack(frames, self._lent)
        failures: dict[str, str] = {}
        if loan.code:
            if not known:
                yield from self._start_conversation(text, identity)
            here = self.conversation_id
            failures = yield from attempt(
                self.host.submit(lambda core: lend(core, actor, here, loan))
            )
            self._lent |= loan.digests
        for name, reason in failures.items():
            del self._lent[name]
            transcript.note(f"the tools do not see {name}: {reason}")
        for note in loan.notes:
            transcript.note(note)

    def _start_conversation(self, text: str, identity: Identity) -> Waits[None]:
        wish = StartConversation(agent_id=identity.agent_id, title=text[:80], workspace=self.folder)
        actor = identity.actor
        conversation = yield from until(
            self.host.submit(lambda core: core.conversations.start(actor, wish))
        )
        self.conversation_id = conversation.id

    def _cell(self, options: Options) -> Stage:
        ask = PersonAsker(is_kernel=self.is_kernel, previewer=self.live.previewer(options))
        if not self.is_kernel:
            return Stage(screen=TerminalScreen(is_streaming=options.is_streaming), ask=ask)
        is_captured = isinstance(self.shell.display_pub, CapturingDisplayPublisher)
        screen = NotebookScreen(
            is_streaming=options.is_streaming, is_captured=is_captured, handle=self.first_sign
        )
        self.first_sign = None
        return Stage(screen=screen, ask=ask)


async def _identify(core: Core) -> Identity:
    if (engaged := await engage(core)) is not None:
        actor, conversation = engaged.engagement.actor, engaged.engagement.conversation
        agent = await core.agents.get(actor, conversation.agent_id)
        return Identity(
            actor=actor,
            agent_id=agent.id,
            model=conversation.settings.model or agent.model,
            timeout_s=agent.timeout_s,
            engaged=engaged,
        )
    owner, _is_new = await core.users.ensure_owner("")
    actor = Actor(
        user_id=owner.id,
        username=owner.username,
        is_admin=owner.is_admin,
        dialect="magic",
        credential="kernel",
    )
    agent = await core.agents.ensure(
        actor,
        CreateAgent(
            name=AGENT_NAME, description="Serves %agent in notebooks", instructions=INSTRUCTIONS
        ),
    )
    return Identity(actor=actor, agent_id=agent.id, model=agent.model, timeout_s=agent.timeout_s)


async def _begun(core: Core, actor: Actor, *, asks: bool) -> EngineHealth:
    """How the engine is; from here on, what a question tells of earlier calls is read."""
    if asks:
        core.forecasts.read_ahead(actor.user_id)
    return await core.models.health()
