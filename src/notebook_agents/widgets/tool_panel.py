"""The tool panel: any tool, called from a form, under the same policy as calls of an agent.

A call is what ``%agent /tool {…}`` is: a run that is recorded, asked about where the policy asks,
done in the sandbox or, where the tool is the notebook's own, in the notebook. No model is asked.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from notebook_agents.core.errors import NotFound
from notebook_agents.core.figures import PLOTLY, Figure
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.policy import MODES
from notebook_agents.core.runs import ApprovalDecision, StartRun
from notebook_agents.core.visible_text import escaped
from notebook_agents.dashboards.figures import CONFIG
from notebook_agents.dashboards.tables import Table
from notebook_agents.magics.transcript import Transcript
from notebook_agents.magics.turn import Turn
from notebook_agents.magics.waiting import Interrupted, Waits
from notebook_agents.widgets.panel import LABELS, WIDE, Panel, button
from notebook_agents.widgets.tool_form import ToolForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_agents.core.events import ApprovalRequested
    from notebook_agents.core.tools import ToolSpec
    from notebook_agents.magics.session import Session

UPDATE_S = 0.2
MAX_KEPT = 50
MAX_CALL = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What one call from the panel came to."""

    name: str
    arguments: dict[str, Any]
    status: str
    content: str
    seconds: float
    figures: tuple[Figure, ...] = field(default=(), repr=False)
    run_id: str = ""

    @property
    def call(self) -> str:
        """The call on one line."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({given if len(given) <= MAX_CALL else given[: MAX_CALL - 1] + '…'})"


class ToolPanel(Panel):
    """Call a tool; ``results`` has what came of it, the newest first."""

    heading = "Tools"

    def __init__(self, session: Session, name: str | None = None) -> None:
        super().__init__(session)
        self.results: list[ToolResult] = []
        self.conversation_id = ""
        self._turn: Turn | None = None
        self._answer: Future[tuple[bool, str]] = Future()
        actor = self.actor
        specs = self.core(lambda core: core.tools.specs_for(actor))
        self.specs: dict[str, ToolSpec] = {spec.name: spec for spec in specs}
        if name is not None and name not in self.specs:
            raise NotFound("tool", name)
        self._make_controls()
        self.choice.options = [(f"{spec.name} - {spec.title}", spec.name) for spec in specs]
        self.choice.value = name or next(iter(self.specs), None)
        self._show_form()
        self.on_change(self.choice, self._show_form)
        self.on_change(self.kept, self._show_kept)
        buttons = ipywidgets.HBox([self.run, self.stop, self.progress])
        self.fill(self.choice, self.about, self.holder, buttons, self.question, self.result,
                  self.kept)  # fmt: skip

    @property
    def form(self) -> ToolForm:
        """The form of the chosen tool."""
        form: ToolForm = self.holder.children[0]
        return form

    def call(self) -> None:
        """Call the tool with what stands in the form."""
        arguments = self.form.read()
        if arguments is None:
            self.say("Nothing was called; see the fields above.", is_bad=True)
            return
        self.say("")
        self._set_running(is_running=True)
        self.start(self._call(self.choice.value, arguments), "a tool panel's call")

    def lines(self) -> list[str]:
        """What can be done."""
        return [f"{len(self.specs)} tools; %agent /name argument=value calls one as well."]

    def tables(self) -> list[Table]:
        """The tools, and the results so far."""
        tools = tuple(
            (spec.name, spec.description.split("\n")[0], spec.effect, spec.security_level)
            for spec in self.specs.values()
        )
        results = tuple((r.call, r.status, round(r.seconds, 2), r.content) for r in self.results)
        return [
            Table(caption="Tools", columns=("tool", "does", "effect", "sandbox"), rows=tools),
            Table(
                caption="Calls, the newest first",
                columns=("call", "ended", "seconds", "result"),
                rows=results,
            ),
        ]

    def _make_controls(self) -> None:
        wide = {"layout": WIDE, "style": LABELS}
        self.choice = ipywidgets.Dropdown(description="Tool", **wide)
        self.about = ipywidgets.HTML()
        self.holder = ipywidgets.VBox()
        self.run = self.on_click(button("Run", "Call the tool", "primary"), self.call)
        self.stop = self.on_click(button("Stop", "Stop the call"), self._stop)
        self.stop.disabled = True
        self.progress = ipywidgets.HTML()
        self.result = ipywidgets.Output()
        self.kept = ipywidgets.Select(description="Earlier calls", rows=4, **wide)
        self.kept.add_class("na-listbox")
        self.kept.layout.display = "none"
        self.asked = ipywidgets.HTML()
        self.reason = ipywidgets.Text(description="If not, why", **wide)
        self.allow = self.on_click(
            button("Allow once", "Let the tool run", "warning"), lambda: self._decide(True)
        )
        self.deny = self.on_click(button("Deny"), lambda: self._decide(False))
        answers = ipywidgets.HBox([self.allow, self.deny])
        self.question = ipywidgets.VBox([self.asked, answers, self.reason])
        self.question.layout.display = "none"

    def _show_form(self) -> None:
        if (spec := self.specs.get(self.choice.value)) is None:
            self.holder.children = (ToolForm({}),)
            return
        facts = f"effect: {spec.effect} · sandbox: {spec.security_level} · at most \
{spec.timeout_s:g} s"
        self.about.value = (
            f"<p>{escape(spec.description)}</p><p class='na-dim'>{escape(facts)}; * is needed</p>"
        )
        self.holder.children = (ToolForm(spec.parameters),)

    def _call(self, name: str, arguments: dict[str, Any]) -> Waits[None]:
        """A run that consists of this one call."""
        session = self.session
        transcript = Transcript(model=BUNDLED_MODEL)
        try:
            identity = yield from session.identify()
            turn = self._turn = Turn(
                host=session.host,
                actor=identity.actor,
                screen=_Progress(self),
                ask=self._ask,
                desk=session.desk,
                transcript=transcript,
            )
            wish = StartRun(
                agent_id=identity.agent_id,
                message=user_message(f"/{name} {json.dumps(arguments)}"),
                conversation_id=self.conversation_id,
                workspace=str(Path.cwd()),
                model=BUNDLED_MODEL,
                tools=(name,),
                policy=MODES[session.preferences.mode],
            )
            run = yield from turn.play(wish)
            self.conversation_id = run.conversation_id
            for tool in transcript.tools:
                kept = ToolResult(
                    name=tool.name,
                    arguments=arguments,
                    status=tool.status,
                    content=tool.content,
                    seconds=tool.duration_ms / 1000,
                    figures=tuple(transcript.figures),
                    run_id=run.id,
                )
                self._keep(kept)
            if run.error_message:
                self.say(run.error_message, is_bad=True)
        finally:
            self._set_running(is_running=False)

    def _ask(self, requests: Sequence[ApprovalRequested]) -> Waits[list[ApprovalDecision]]:
        decisions = []
        for asked in requests:
            self._answer = Future()
            told = json.dumps(asked.arguments, indent=2, ensure_ascii=False)
            self.asked.value = (
                f'<div role="alert"><b>Allow {escape(asked.name)}?</b> {escape(asked.reason)}'
                f"<pre>{escape(escaped(told))}</pre></div>"
            )
            self.question.layout.display = "flex"
            try:
                yield self._answer, None
            except (Interrupted, KeyboardInterrupt):
                self._answer.cancel()
                raise
            finally:
                self.question.layout.display = "none"
            is_approved, feedback = self._answer.result()
            decisions.append(
                ApprovalDecision(
                    call_id=asked.call_id,
                    is_approved=is_approved,
                    feedback=feedback,
                    digest=asked.digest if is_approved else "",
                )
            )
        return decisions

    def _decide(self, is_approved: bool) -> None:
        if not self._answer.done():
            self._answer.set_result((is_approved, "" if is_approved else self.reason.value))

    def _stop(self) -> None:
        """End the call; one that waits for an answer is denied."""
        self._decide(False)
        if self._turn is not None and (run_id := self._turn.run_id):
            actor = self.actor
            self.session.host.submit(lambda core: core.runs.cancel(actor, run_id))

    def _keep(self, result: ToolResult) -> None:
        self.results.insert(0, result)
        del self.results[MAX_KEPT:]
        labels = [f"{each.status:<10} {each.seconds:8.2f} s  {each.call}" for each in self.results]
        self.kept.options = list(zip(labels, range(len(labels)), strict=True))
        self.kept.value = 0
        self.kept.layout.display = "flex"
        self._show_kept()
        self.rest()

    def _show_kept(self) -> None:
        if self.kept.value is None or self.kept.value >= len(self.results):
            return
        result = self.results[self.kept.value]
        text = {"output_type": "stream", "name": "stdout", "text": f"{result.content}\n"}
        self.result.outputs = (text, *map(_shown, result.figures))
        told = f"{result.call}: {result.status} after {result.seconds:.2f} s"
        self.say(told, is_bad=result.status != "succeeded")

    def _set_running(self, *, is_running: bool) -> None:
        self.run.disabled, self.stop.disabled = is_running, not is_running
        self.progress.value = "<i>Starting…</i>" if is_running else ""


class _Progress:
    """Shows a call while it goes on."""

    def __init__(self, panel: ToolPanel) -> None:
        self._panel = panel
        self._drawn_at = 0.0

    def show(
        self, transcript: Transcript, *, has_news: bool = True, is_urgent: bool = False
    ) -> None:
        """What is happening, a few times a second."""
        if not is_urgent and time.monotonic() - self._drawn_at < UPDATE_S:
            return
        self._drawn_at = time.monotonic()
        self._panel.progress.value = f"<i>{escape(transcript.phase + transcript.waiting)}</i>"
        if has_news and transcript.tools and (text := transcript.tools[-1].content):
            shown = {"output_type": "stream", "name": "stdout", "text": text}
            self._panel.result.outputs = (shown,)

    def end(self, transcript: Transcript) -> None:
        """Nothing: the result is drawn by the panel."""


def _shown(figure: Figure) -> dict[str, Any]:
    is_plotly = figure.media_type == PLOTLY
    content = json.loads(figure.content) | {"config": CONFIG} if is_plotly else figure.content
    data = {figure.media_type: content, "text/plain": f"[figure] {figure.label}"}
    return {"output_type": "display_data", "data": data, "metadata": {}}
