"""What ``%agent`` does where no flag says otherwise: the traits of ``AgentMagics``.

A flag comes first, then ``%config AgentMagics.x`` or ``%agent config x=…``, then a configuration
file such as ``ipython_config.py``, then ``NOTEBOOK_AGENTS_MAGIC_X`` of the environment, then the
default. A new trait is one attribute here; it is then known to ``%agent config``, to the
environment and to the Tab key.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, Float, Int, List, TraitError, Unicode
from traitlets.config import Config, Configurable

from notebook_agents.core.policy import MODES
from notebook_agents.magics.environment import magic_variable, magic_variable_name
from notebook_agents.magics.flags import FORMATS, Options

if TYPE_CHECKING:
    from collections.abc import Sequence

ONLY_HERE = "set it in the notebook that needs it: %config AgentMagics.mode = 'full'"
DEFAULT_HISTORY = 5
DEFAULT_CONTEXT_CHARS = 6_000


class Preferences(Configurable):
    """The traits and where each value comes from."""

    model = Unicode(help="Model of prompts that name none; empty: the notebook agent's own.").tag(
        config=True
    )
    temperature = Float(
        None, allow_none=True, min=0.0, max=2.0, help="Randomness, 0 to 2; None: the model's own."
    ).tag(config=True)
    max_tokens = Int(
        None, allow_none=True, min=1, help="Longest answer, in tokens; None: the model's own."
    ).tag(config=True)
    max_steps = Int(
        None, allow_none=True, min=1, help="Most model steps of one prompt; None: 10."
    ).tag(config=True)
    history = Int(
        DEFAULT_HISTORY,
        allow_none=True,
        min=0,
        help="Earlier questions, with their answers, sent along; None: all that fit.",
    ).tag(config=True)
    persona = Unicode(help="Persona whose instructions every prompt has; empty: none.").tag(
        config=True
    )
    system = Unicode(help="Instructions that every prompt has; empty: none.").tag(config=True)
    format = Enum(list(FORMATS), "markdown", help=f"Form of answers: {', '.join(FORMATS)}.").tag(
        config=True
    )
    stream = Bool(True, help="Whether an answer is shown while it is written.").tag(config=True)
    context_chars = Int(
        DEFAULT_CONTEXT_CHARS,
        min=0,
        help="Most characters that a prompt tells about the notebook's variables (about three to "
        "a token); 0: nothing.",
    ).tag(config=True)
    hidden = List(
        Unicode(), help="Variables that no model is told of: names and patterns such as patient_*."
    ).tag(config=True)
    shown = List(
        Unicode(), help="Variables that models are told of although their names look secret."
    ).tag(config=True)
    live = Bool(
        False, help="Whether the model's Python runs in the notebook itself, as with --live."
    ).tag(config=True)
    dry_run = Bool(
        True, help="Whether code for the notebook runs in a copy of the kernel before you decide."
    ).tag(config=True)
    dry_run_seconds = Float(10.0, min=0.1, help="Longest dry run, in seconds.").tag(config=True)
    dry_run_memory_mb = Int(
        2048, min=64, help="Memory that a dry run may take beyond the notebook's, in MB."
    ).tag(config=True)
    mode = Enum(
        list(MODES),
        "ask",
        help="What tools may do without asking: ask, auto-edit, plan (only look) or full; full is"
        " for this kernel only and never read from a file or the environment.",
    ).tag(config=True)
    footer = Bool(True, help="Whether a line below an answer says what it took.").tag(config=True)
    feedback = Bool(
        False,
        help="Whether answers in the chat panel have thumbs; what they say is kept with the"
        " conversation and sent nowhere.",
    ).tag(config=True)
    undo_run_mb = Int(
        256, min=0, help="Memory that the copies for undoing one run may take, in MB."
    ).tag(config=True)
    undo_total_mb = Int(
        1024, min=0, help="Memory that the copies of all runs may take, in MB; the oldest go."
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sources: dict[str, str] = {}
        """Of each value that is not the default, who said so."""
        told: Any = self._find_my_config(self.config)
        for name in self.names():
            if name in told:
                self._sources[name] = "the configuration"
                self._refuse_kept(name, "the configuration")
            elif (text := magic_variable(name)) is not None:
                self._take(name, text)
        self.observe(self._note, names=self.names())

    def names(self) -> Sequence[str]:
        """The traits, in the order in which they are written."""
        return tuple(Configurable.trait_names(self, config=True))

    def choices(self) -> list[str]:
        """``name=value`` for every value of those that have few."""
        return [
            f"{name}={value}" for name in self.names() for value in _values(self.traits()[name])
        ]

    def source(self, name: str) -> str:
        """Who says what a trait is, for people."""
        return self._sources.get(name, "the default")

    def about(self, name: str) -> str:
        """What a trait is for."""
        return str(self.traits()[name].help)

    def set(self, name: str, text: str) -> None:
        """Set a trait to what a person wrote; TraitError when that is no value for it."""
        try:
            value = self.traits()[name].from_string(text)
            self.update_config(Config({type(self).__name__: {name: value}}))
        except (ValueError, TraitError) as error:
            raise TraitError(f"{text!r} is no value for {name}: {self.about(name)}") from error
        self._sources[name] = "%agent config"

    def fill(self, options: Options) -> Options:
        """The options of a prompt, with what no flag said."""
        unsaid = {
            name: getattr(self, name)
            for name in ("temperature", "max_tokens", "max_steps", "history", "persona", "system")
            if getattr(options, name) is None
        }
        return replace(
            options,
            **unsaid,
            format=options.format or self.format,
            is_streaming=options.is_streaming and self.stream,
        )

    def _refuse_kept(self, name: str, source: str) -> None:
        """Leave out ``full`` where it would come back with every kernel."""
        if name == "mode" and self.mode == "full":
            self.mode = "ask"
            self._sources.pop(name, None)
            sys.stderr.write(f"mode=full of {source} is left out: {ONLY_HERE}\n")

    def _take(self, name: str, text: str) -> None:
        variable = magic_variable_name(name)
        try:
            self.set(name, text)
        except TraitError as error:
            sys.stderr.write(f"{variable} is left out: {error}\n")
        else:
            self._sources[name] = variable
            self._refuse_kept(name, variable)

    def _note(self, change: Any) -> None:
        self._sources[change["name"]] = "%config"


def _values(trait: Any) -> Sequence[Any]:
    if isinstance(trait, Bool):
        return (True, False)
    return [value for value in trait.values or () if value] if isinstance(trait, Enum) else ()
