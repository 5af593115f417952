"""What ``%agent`` returns: the answer and what it took to get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_agents.core.models import Usage
from notebook_agents.core.runs import Run
from notebook_agents.magics.code_blocks import code_in
from notebook_agents.magics.markdown import safe_markdown

if TYPE_CHECKING:
    from notebook_agents.widgets.run_inspector import RunInspector


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """One tool call of a run."""

    name: str
    arguments: dict[str, Any]
    result: str
    """The text that the model was given."""
    status: str = "succeeded"
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one prompt.

    IPython shows the value of a cell; the answer has been streamed into that very cell already, so
    there it shows nothing (in a terminal its footer), and everywhere else its text.
    """

    text: str
    tool_calls: tuple[ToolUse, ...] = ()
    figures: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """Plotly figures that its tools drew: ``plotly.graph_objects.Figure(answer.figures[0])``."""
    usage: Usage = Usage()
    run_id: str = ""
    model: str = ""
    state: str = "succeeded"
    value: Any = None
    """What the answer is as JSON, where ``-f json`` was asked for."""
    footer: str = ""
    markdown: str = field(default="", repr=False)
    """The answer as it was shown, sanitised."""
    is_on_screen: Callable[[], bool] = field(default=lambda: False, repr=False, compare=False)
    is_rich: bool = field(default=False, repr=False, compare=False)
    """Whether it was shown in a notebook, which needs no prompt line of its own."""
    take_back: Callable[[bool], Any] = field(default=lambda _: None, repr=False, compare=False)
    """Undoes what its tools changed in the notebook; see ``undo``."""

    def undo(self, *, force: bool = False) -> Any:
        """Take back what its tools changed in the variables and files of the notebook.

        What you changed since stays, unless forced. The value says what was restored.
        """
        return self.take_back(force)

    def inspect(self) -> RunInspector:
        """The run event by event: where its time went, and its transcript at any moment."""
        from notebook_agents.widgets.panels import run_inspector

        return run_inspector(self.run_id)

    @property
    def code(self) -> str:
        """The code in it: all code blocks, one below the other."""
        return code_in(self.text)

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.markdown or safe_markdown(self.text)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(self.footer if self.is_on_screen() else self.text)

    def _ipython_display_(self) -> None:
        if not (self.is_rich and self.is_on_screen()):
            # IPython's own way to say: use the other representations.
            raise NotImplementedError


def answer_of(run: Run, **shown: Any) -> Answer:
    """The answer that a finished run stands for; ``shown`` says how it was displayed."""
    return Answer(
        text=run.text,
        tool_calls=tuple(
            ToolUse(
                name=call.name,
                arguments=call.arguments,
                result=call.content,
                status=call.status,
                duration_ms=call.duration_ms,
            )
            for call in run.tool_calls
        ),
        usage=run.usage,
        run_id=run.id,
        model=run.model,
        state=run.state,
        **shown,
    )
