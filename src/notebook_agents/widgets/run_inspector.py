"""The run inspector: one run as a timeline, as a table of events, and played again."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from notebook_agents.core.errors import NotFound
from notebook_agents.core.runs import ListRuns
from notebook_agents.dashboards import inspection
from notebook_agents.dashboards.run_phases import offset_ms, spans, totals
from notebook_agents.dashboards.tables import Table
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.markdown import as_markdown
from notebook_agents.magics.transcript import Transcript
from notebook_agents.widgets.chart_view import ChartView
from notebook_agents.widgets.panel import LABELS, WIDE, Panel

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.events import Event
    from notebook_agents.core.runs import Run
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.session import Session

MAX_LISTED = 50
MAX_ROWS = 1000
"""Events in the table; of a longer run the first."""
MIN_PREFIX = 6
NO_RUNS = "nothing has run yet; ask something with %agent first"


class RunInspector(Panel):
    """What one run did, when, and how long it took."""

    heading = "Run"

    def __init__(self, session: Session, run_id: str = "", heading: Any = None) -> None:
        """``heading`` stands in place of the panel's own."""
        super().__init__(session)
        actor = self.actor
        self.run: Run
        self.events: tuple[Event, ...] = ()
        runs = self.core(lambda core: core.runs.list(actor, ListRuns(limit=MAX_LISTED))).items
        first = run_id or getattr(session.last_answer, "run_id", "") or (runs and runs[0].id) or ""
        if not first:
            raise AgentError(NO_RUNS)
        self._make_controls()
        self.load(first)
        options = {each.id: _run_label(each) for each in (self.run, *runs)}
        self.choice.options = [(label, id) for id, label in options.items()]
        self.choice.value = self.run.id
        self.on_change(self.choice, lambda: self.load(self.choice.value))
        self.on_change(self.slider, self._draw)
        player = ipywidgets.HBox([self.play, self.slider])
        top = () if heading is None else (heading,)
        self.fill(*top, self.choice, self.verdict, self.timeline, player, self.told_at,
                  self.transcript, self.table, has_heading=not top)  # fmt: skip

    def load(self, run_id: str) -> None:
        """Show another run: its id, or the beginning of one."""
        actor = self.actor
        self.run, self.events = self.core(lambda core: _read(core, actor, run_id))
        self.spans = spans(self.events)
        self.slider.max = self.play.max = len(self.events)
        self.slider.value = len(self.events)
        self.verdict.value = f"<p>{escape(self.words())}</p>"
        self._draw()
        self.rest()

    def words(self) -> str:
        """In a sentence: how the run ended and which phase took most of its time."""
        return inspection.words(self.run, self.events)

    def told_until(self, n_events: int) -> Transcript:
        """The transcript as it was after that many events."""
        transcript = Transcript(model=self.run.model)
        for event in self.events[:n_events]:
            transcript.apply(event.body)
        transcript.started_at, transcript.ended_at = 0.0, self._offset(n_events) / 1000
        return transcript

    def lines(self) -> list[str]:
        """The verdict."""
        return [self.words()]

    def tables(self) -> list[Table]:
        """Phases and events."""
        sums = totals(self.events)
        phases = tuple((phase, round(ms / 1000, 3)) for phase, ms in sums.items())
        return [
            Table(
                caption="Time by phase", columns=("phase", "seconds"), rows=phases, bar="seconds"
            ),
            self._event_table(),
        ]

    def figure(self) -> dict[str, Any]:
        """The timeline, as JSON of plotly; the line is where the slider stands."""
        drawn = inspection.timeline(self.spans)
        at = self._offset(self.slider.value) / 1000
        line = {"color": "#888888", "dash": "dot", "width": 2}
        drawn["layout"]["shapes"] = [
            {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": line}
        ]
        return drawn

    def __repr__(self) -> str:
        return f"<RunInspector {self.run.id}: {self.words()}>"

    def _make_controls(self) -> None:
        wide = {"layout": WIDE, "style": LABELS}
        self.choice = ipywidgets.Dropdown(description="Run", **wide)
        self.verdict = ipywidgets.HTML()
        self.timeline = ChartView(lambda _wish: None, title="Timeline of the run")
        self.play = ipywidgets.Play(description="Play the events", min=0, max=1, interval=250)
        self.slider = ipywidgets.IntSlider(
            description="After event", min=0, max=1, style=LABELS, layout={"flex": "1 1 auto"}
        )
        ipywidgets.jslink((self.play, "value"), (self.slider, "value"))
        self.told_at = ipywidgets.HTML()
        self.transcript = ipywidgets.Output()
        scrolled = {"max_height": "320px", "overflow": "auto", "display": "block"}
        self.table = ipywidgets.HTML(layout=scrolled)

    def _draw(self) -> None:
        n = min(self.slider.value, len(self.events))
        words = "; ".join(f"{span.name} {span.duration_ms / 1000:.3f} s" for span in self.spans)
        self.timeline.label = f"{self.timeline.title}: {words or 'no time was measured'}."
        self.timeline.figure = self.figure() if words else {}
        self.timeline.layout.display = "block" if words else "none"
        kind = self.events[n - 1].type if n else "nothing yet"
        self.told_at.value = f"<p>Event {n} of {len(self.events)}: <b>{escape(kind)}</b>, \
{self._offset(n) / 1000:.3f} s after the first</p>"
        markdown = as_markdown(self.told_until(n))
        data = {"text/markdown": markdown, "text/plain": markdown}
        shown = {"output_type": "display_data", "data": data, "metadata": {}}
        self.transcript.outputs = (shown,)
        self.table.value = self._event_table(n).as_html()

    def _offset(self, n_events: int) -> float:
        if not n_events or not self.events:
            return 0.0
        return offset_ms(self.events[min(n_events, len(self.events)) - 1], self.events[0].ts)

    def _event_table(self, at: int = 0) -> Table:
        rows = tuple(
            ("▶" if row["event"] == at else "", *row.values())
            for row in inspection.event_rows(self.events[:MAX_ROWS])
        )
        return Table(caption="Events", columns=("", "event", "seconds", "type", "about"), rows=rows)


async def _read(core: Core, actor: Actor, run_id: str) -> tuple[Run, tuple[Event, ...]]:
    try:
        run = await core.runs.get(actor, run_id)
    except NotFound:
        run = await _by_prefix(core, actor, run_id)
    gathered = await core.journal.gather(run.conversation_id, run_id=run.id)
    return run, tuple(gathered.events)


async def _by_prefix(core: Core, actor: Actor, named: str) -> Run:
    page = await core.runs.list(actor, ListRuns(limit=MAX_ROWS))
    found = [run for run in page.items if run.id.startswith(named)]
    if len(named) < MIN_PREFIX or len(found) != 1:
        raise NotFound("run", named)
    return found[0]


def _run_label(run: Run) -> str:
    asked = " ".join(run.input.text.split())
    asked = asked if len(asked) <= 60 else f"{asked[:59]}…"
    return f"{run.created_at:%Y-%m-%d %H:%M:%S %Z} · {run.state} · {asked or run.id}"
