"""``%agent`` and ``%%agent``: one entry for a line, a cell, an awaiting and a blocking caller.

Everything heavy is imported when the first prompt comes, so that loading the extension is instant.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from notebook_agents.magics.awaiting import AWAITED, AwaitTransformer
from notebook_agents.magics.cells import Errors
from notebook_agents.magics.completion import AgentCompleter
from notebook_agents.magics.environment import default_core
from notebook_agents.magics.errors import AgentError, one_line
from notebook_agents.magics.host import CoreHost, CoreMaker
from notebook_agents.magics.mentions import MentionCompleter
from notebook_agents.magics.options import (
    Command,
    Options,
    Prompt,
    agent_arguments,
    parse,
    parse_sql,
)
from notebook_agents.magics.placeholder import first_sign
from notebook_agents.magics.preferences import Preferences
from notebook_agents.magics.question_mark import PromptLine
from notebook_agents.magics.recording import CellRecorder
from notebook_agents.magics.sql_completion import SqlCompleter
from notebook_agents.magics.waiting import Waits, await_on, block_on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from notebook_agents.core.core import Core
    from notebook_agents.magics.answer import Answer
    from notebook_agents.magics.session import Session

BUILT_IN_MODELS = ("notebook-agents/tiny",)
LISTING_TIMEOUT_S = 0.5
"""How long the Tab key waits for the engine's list of models."""


@magics_class
class AgentMagics(Magics, Preferences):
    """The magics of one shell, with their session."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._session: Session | None = None
        self._host = CoreHost(default_core)
        self._awaits = AwaitTransformer() if hasattr(shell, "kernel") else None
        self._completer = AgentCompleter(
            {
                "models": self._model_names,
                "providers": self._provider_names,
                "aliases": self._alias_names,
                "tools": lambda: self._session.known_tools if self._session else [],
                "personas": lambda: self._session.known_personas if self._session else [],
                "settings": self.names,
                "choices of settings": self.choices,
            }
        )
        self._mentions = MentionCompleter(shell.user_ns)
        self._sql = SqlCompleter(shell.user_ns)
        self._errors = Errors(shell)
        self._cells = CellRecorder(shell)

    @no_var_expand
    @line_cell_magic
    @agent_arguments
    def agent(self, line: str, cell: str | None = None) -> Any:
        """Ask an agent that can compute, query files and read them.

        Write the text after %agent, or after %%agent and in the cell below. Flags come first.
        The value is the answer: .text .tool_calls .usage .run_id .model .state
        """
        return block_on(self._serve(line, cell))

    @no_var_expand
    @line_cell_magic
    def agent_await(self, line: str, cell: str | None = None) -> Awaitable[Any]:
        """What %agent becomes in a kernel, which awaits it; see %agent."""
        return await_on(self._serve(line, cell))

    @no_var_expand
    @line_cell_magic
    def agent_sql(self, line: str, cell: str | None = None) -> Any:
        """Query everything that was recorded; the SQL stands below, or on the line.

        %%agent_sql [NAME <<] [-o NAME] [--explain]; see %agent sql --help.
        """
        return block_on(self._serve(line, cell, parse_sql))

    @no_var_expand
    @line_cell_magic
    def agent_sql_await(self, line: str, cell: str | None = None) -> Awaitable[Any]:
        """What %agent_sql becomes in a kernel, which awaits it; see %agent_sql."""
        return await_on(self._serve(line, cell, parse_sql))

    def ask(self, request: Prompt) -> Awaitable[Any]:
        """What ``notebook_agents.ask`` becomes: a prompt like any other, its text as it is."""
        return await_on(self._the_session().prompt(request))

    def preview(self, request: Prompt) -> Awaitable[Any]:
        """What ``notebook_agents.show_context`` becomes."""
        return await_on(self._the_session().preview(request))

    def install(self) -> None:
        """Make the magics known to the shell."""
        shell: Any = self.shell
        # Python prints warnings of loggers that nobody configured; a cell shows what matters.
        logging.getLogger("notebook_agents").addHandler(logging.NullHandler())
        shell.register_magics(self)
        shell.input_transformer_manager.token_transformers.insert(0, PromptLine)
        shell.Completer.custom_matchers += [
            completer.match for completer in (self._completer, self._mentions, self._sql)
        ]
        self._errors.register()
        if self._awaits is not None:
            self._awaits.register(shell)

    def uninstall(self) -> None:
        """Take everything back and end the core."""
        shell: Any = self.shell
        manager = shell.magics_manager
        for name in (*AWAITED, *AWAITED.values()):
            manager.magics["line"].pop(name, None)
            manager.magics["cell"].pop(name, None)
        manager.registry.pop(type(self).__name__, None)
        shell.input_transformer_manager.token_transformers.remove(PromptLine)
        for completer in (self._completer, self._mentions, self._sql):
            shell.Completer.custom_matchers.remove(completer.match)
        self._errors.unregister()
        self._cells.stop()
        if self._awaits is not None:
            self._awaits.unregister(shell)
        self._host.close()

    def use(self, make: CoreMaker) -> None:
        """Work with another core from now on."""
        self._cells.stop()
        self._host.close()
        self._host = CoreHost(make)
        self._session = None

    def _serve(
        self, line: str, cell: str | None, read: Callable[..., Prompt | Command] = parse
    ) -> Waits[Any]:
        function: Any = type(self).agent
        is_debug = False
        try:
            try:
                request = read(line, cell, function.parser)
                is_debug = request.options.debug
                return (yield from self._dispatch(request))
            except AgentError:
                raise
            except Exception as error:
                cause = one_line(f"{type(error).__name__}: {error}")
                raise AgentError(f"{cause}; for the traceback, add --debug") from error
        except AgentError as error:
            error.is_debug = is_debug
            if not hasattr(self.shell, "kernel") and not is_debug:
                sys.stderr.write(f"{error.line}\n")
                error.is_told = True
            raise

    def _dispatch(self, request: Prompt | Command) -> Waits[Any]:
        if isinstance(request, Command):
            from notebook_agents.magics.commands import run_command

            value = yield from run_command(self._the_session(), request)
            if request.options.out:
                self._the_session().namespace[request.options.out] = value
            return value
        if request.options.show_context:
            preview = yield from self._the_session().preview(request)
            if request.options.out:
                self._the_session().namespace[request.options.out] = preview
            return preview
        sign = first_sign(self.shell) if self._session is None else None
        session = self._the_session()
        session.first_sign = sign
        return (yield from session.prompt(request))

    @property
    def session(self) -> Session:
        """What the magic remembers; made when it is first needed."""
        return self._the_session()

    def _the_session(self) -> Session:
        if self._session is None:
            from notebook_agents.magics.session import Session

            self._session = Session(self.shell, self._host, self)
            self._session.errors = self._errors
            self._session.cells = self._cells
        return self._session

    def _model_names(self) -> list[str]:
        if self._session and not self._session.known_models and self._host.is_used:
            self._session.known_models = self._listed_models()
        known = self._session.known_models if self._session else []
        return known or list(BUILT_IN_MODELS)

    def _listed_models(self) -> list[str]:
        listing = self._host.submit(lambda core: core.models.list())
        try:
            return [info.id for info in listing.result(LISTING_TIMEOUT_S)]
        except Exception:  # noqa: BLE001 - whatever it is, completion must not fail for it
            listing.cancel()
            return []

    def _provider_names(self) -> list[str]:
        names = self._session.known_providers if self._session else []
        return names or ["local"]

    def _alias_names(self) -> list[str]:
        from notebook_agents.magics.aliases import Aliases

        try:
            return list(Aliases(self.shell).all())
        except AgentError:
            return []


def installed_magics(shell: Any) -> AgentMagics:
    """The magics of a shell; loads the extension where it is not loaded yet.

    AgentError where there is no shell, as in a plain script.
    """
    if shell is None:
        raise AgentError("there is no IPython here; what was recorded: notebook_agents.frames")
    if "AgentMagics" not in shell.magics_manager.registry:
        shell.extension_manager.load_extension("notebook_agents")
    magics: AgentMagics = shell.magics_manager.registry["AgentMagics"]
    return magics


def ask(
    text: str, *, model: str | None = None, tools: Sequence[str] | None = None
) -> Awaitable[Answer]:
    """Ask an agent as ``%agent`` does, in a cell: ``answer = await notebook_agents.ask(text)``.

    Braces in the text are text. ``tools`` are the names of the only ones it may use.
    """
    from IPython.core.getipython import get_ipython

    options = Options(model=model, tools=None if tools is None else tuple(tools))
    request = Prompt(text=text, options=options, is_literal=True)
    return installed_magics(get_ipython()).ask(request)


def use_core(make: Core | CoreMaker, *, shell: Any = None) -> None:
    """Let the magics of a shell (default: the running one) work with a core of the caller's.

    ``make`` is a core that has not been started, or a function that returns one; it is used on
    the magics' own event loop and closed with them.
    """
    from IPython.core.getipython import get_ipython

    maker: CoreMaker = make if callable(make) else lambda: make
    installed_magics(shell or get_ipython()).use(maker)
