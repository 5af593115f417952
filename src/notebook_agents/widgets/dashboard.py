"""The dashboard: what ran, how fast, with which tools and errors, by the record alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

import ipywidgets

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.sql_refusals import in_words
from notebook_agents.core.users import ListUsers
from notebook_agents.dashboards.board import (
    CHARTS,
    FIRST,
    LATER,
    MAX_NAMED,
    Board,
    kpis,
    load_board,
    run_label,
)
from notebook_agents.dashboards.filters import CONDITIONS, MAX_DAYS, SOURCES, Filters
from notebook_agents.dashboards.tables import Table
from notebook_agents.magics.errors import AgentError
from notebook_agents.widgets.chart_card import ChartCard
from notebook_agents.widgets.chart_view import Opened, Pulse
from notebook_agents.widgets.dashboard_controls import Controls
from notebook_agents.widgets.panel import (
    LABELS,
    WIDE,
    Panel,
    alert,
    button,
    is_attended,
    until_done,
)
from notebook_agents.widgets.run_inspector import RunInspector

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Table as Answer
    from notebook_agents.core.core import Core
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.waiting import Waits

EMPTY = (
    "No run was recorded in this time that the filters leave. Ask something, such as"
    " %agent What is 6 * 7?, then press Refresh; or choose a longer time, or Clear."
)
MORE = "More than this: %agent sql SELECT … FROM v_runs; %agent sql --views lists what there is"
GRID = {
    "grid_template_columns": "repeat(auto-fit, minmax(min(400px, 100%), 1fr))",
    "grid_gap": "8px",
    "width": "100%",
}
MANY_RUNS = 5_000
"""From so many on the upper part is shown before the rest is read."""
ALONE = {"sequences": ("find",), "versions": ("version_a", "version_b")}
"""Filters of one chart alone."""
OFFERED = f"there are days, {', '.join(CONDITIONS)}"
NEEDS_ADMIN = "only an administrator can look at the runs of others; leave out user= and everybody="


class Dashboard(Panel):
    """Figures over the owner's runs, with filters, and a way into each run."""

    heading = "Agent runs"

    def __init__(
        self,
        session: Session,
        filters: Filters | None = None,
        *,
        everybody: bool = False,
        live: bool = False,
    ) -> None:
        """``everybody`` is the view of administrators; ``live`` looks again every 5 s."""
        super().__init__(session)
        self.everybody = everybody or bool(filters and filters.user)
        if self.everybody and not self.actor.is_admin:
            raise AgentError(NEEDS_ADMIN)
        if self.everybody:
            self.heading = "Agent runs of everybody (administrators' view)"
        self.users = self._users()
        filters = replace(filters or Filters(), user=self._user_id(filters.user if filters else ""))
        self.board = Board(filters=filters)
        self._seen = ""
        self._is_listing = False
        self._unread: Board | None = None
        """What was begun, of which the lower part is not read yet."""
        self.controls = Controls(filters, lambda wish: self.attempt(lambda: self._filter(wish)))
        self.pulse = Pulse(self._beat, is_live=live)
        self._make_parts()
        self.refresh()
        self.on_change(self.listed, self._choose)
        self.fill(self._bar(), self.tiles, *self._sections(), self.listed, self.inspected,
                  ipywidgets.HTML(f'<p class="na-dim">{escape(MORE)}</p>'))  # fmt: skip

    @property
    def filters(self) -> Filters:
        """Which runs are looked at."""
        return self.board.filters

    @property
    def owner_id(self) -> str | None:
        """Whose runs are looked at; None is everybody's."""
        return None if self.everybody else self.actor.user_id

    @property
    def looked_at(self) -> str:
        """What is looked at, in words."""
        return self.filters.words(self.users)

    @property
    def totals(self) -> Mapping[str, Any]:
        """The figures of the uppermost row."""
        return self.board.totals

    def refresh(self) -> None:
        """Read everything anew; where somebody waits and there is much, the upper part first."""
        self._seen = self.core(lambda core: core.analytics.version())
        filters = self._now(self.filters)
        if not is_attended(self.session):
            self._show(self.core(self._load(filters)))
            self.say("")
            return
        self._show(self.core(self._load(filters, FIRST)))
        self._unread = self.board
        if self.totals["runs"] <= MANY_RUNS:
            self.finish()
        else:
            self.say("Reading the rest …")
            self.start(self._go_on(self.board), "the rest of a dashboard")

    def finish(self) -> None:
        """Read at once what is still to be read."""
        if (begun := self._unread) is not None:
            wish = self._load(begun.filters, LATER, has_totals=False)
            self._complete(begun.joined(self.core(wish)))

    def as_html(self) -> str:
        """The whole copy as HTML without script."""
        self.finish()
        return super().as_html()

    def as_text(self) -> str:
        """The whole copy as text."""
        self.finish()
        return super().as_text()

    def follow(self, wish: Mapping[str, Any]) -> None:
        """What a click in a chart asks for: a run, or narrower filters."""
        if run_id := wish.get("run_id"):
            self.inspect(str(run_id), takes_focus=True)
        else:
            self._filter(self.filters.narrowed(wish))

    def inspect(self, run_id: str, *, takes_focus: bool = False) -> None:
        """Open a run below, or close what is open."""
        if not run_id:
            self.inspected.children = ()
            return
        top = Opened(self._close, title=RunInspector.heading, takes_focus=takes_focus)
        self.inspected.children = (RunInspector(self.session, run_id, top),)

    def query(self, sql: str) -> Table:
        """What a statement gives, with the parameters of the filters bound."""
        bound, owner_id = self.filters.bound(sql), self.owner_id

        async def answer(core: Core) -> Answer:
            try:
                return await core.analytics.query(sql, owner_id=owner_id, parameters=bound)
            except InvalidRequest as error:
                known = await asyncio.to_thread(core.analytics.catalogue)
                raise in_words(error, sql, known) from error

        found = self.core(answer)
        return Table(caption="", columns=found.columns, rows=found.rows)

    def lines(self) -> list[str]:
        """What is looked at, and the totals in words."""
        if self.board.is_empty:
            return [self.looked_at, EMPTY]
        totals = " · ".join(f"{label} {value}" for label, value in kpis(self.totals))
        return [self.looked_at, totals]

    def tables(self) -> list[Table]:
        """Each chart that has something to show as a picture and a table, and the newest runs."""
        cards = [card.still() for card in self.cards if card.rows]
        if self.board.is_empty:
            return cards
        newest = self.board.newest
        cells = tuple(tuple(row.values()) for row in newest)
        columns = tuple(newest[0]) if newest else ()
        return [*cards, Table(caption="Newest runs (times in UTC)", columns=columns, rows=cells)]

    def __repr__(self) -> str:
        return f"<Dashboard: {self.looked_at}, {self.totals.get('runs', 0)} runs>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.finish()
        return super()._repr_mimebundle_(**kwargs)

    def _copy(self) -> dict[str, str]:
        """What there is by now: it is brought up to date when the rest was read."""
        return {"text/html": super().as_html(), "text/plain": super().as_text()}

    def _make_parts(self) -> None:
        beside = {"sequences": (self.controls.find,), "versions": self.controls.versions}
        self.cards = [
            ChartCard(chart, self, beside.get(chart.name, ()))
            for chart in CHARTS
            if self.everybody or not chart.is_for_admins
        ]
        self.tiles = ipywidgets.HTML()
        self.listed = ipywidgets.Select(
            description="Newest runs", rows=8, layout=WIDE, style=LABELS
        )
        self.listed.add_class("na-listbox")
        self.inspected = ipywidgets.VBox()

    def _bar(self) -> Any:
        reload = self.on_click(button("Refresh", "Read the record again"), self.refresh)
        about = "Look at all models, sources and notebooks of the last 7 days"
        clear = self.on_click(button("Clear", about), lambda: self._filter(Filters()))
        picks = [
            control
            for name, control in self.controls.picks.items()
            if self.everybody or name != "user"
        ]
        return ipywidgets.HBox(
            [self.controls.range, *picks, clear, reload, self.pulse],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )

    def _sections(self) -> list[Any]:
        parts: list[Any] = []
        for group, cards in groupby(self.cards, key=lambda card: card.chart.group):
            parts.append(ipywidgets.HTML(f'<h3 class="na-group">{escape(group)}</h3>'))
            parts.append(ipywidgets.GridBox(list(cards), layout=GRID))
        return parts

    def _filter(self, wished: Filters) -> None:
        """Read what other filters change: of some only one chart."""
        before, self.board = self.filters, replace(self.board, filters=wished)
        for name, fields in ALONE.items():
            same = {field: getattr(before, field) for field in fields}
            if replace(wished, **same) == before:
                found = self.core(self._load(self._now(wished), (name,), has_totals=False))
                self._draw(found)
                self.controls.show(wished, self.board)
                return
        self.refresh()

    def _go_on(self, begun: Board) -> Waits[None]:
        """Read what stands further below, while the upper part can be read."""
        wish = self._load(begun.filters, LATER, has_totals=False)
        board = yield from until_done(self.session, wish)
        if self._unread is begun:  # else other filters were chosen in the meantime
            self._complete(begun.joined(board))

    def _complete(self, board: Board) -> None:
        self._unread = None
        self._show(board, is_live=True)
        self.say("")

    def _beat(self) -> None:
        """The page says that it is looked at."""
        self.start(self._look_again(), "a live dashboard")

    def _look_again(self) -> Waits[None]:
        try:
            seen = yield from until_done(self.session, lambda core: core.analytics.version())
            if seen != self._seen:
                filters = self._now(self.filters)
                board = yield from until_done(self.session, self._load(filters))
                self._seen = seen
                self._show(board, is_live=True)
        except BaseException:
            self.pulse.is_live = False  # what failed is said once, and not every 5 s
            raise
        finally:
            self.pulse.answer()

    def _load(
        self, filters: Filters, names: tuple[str, ...] = (), *, has_totals: bool = True
    ) -> Any:
        owner_id = self.owner_id

        async def work(core: Core) -> Board:
            return await load_board(
                core.analytics, filters, owner_id, names=names, has_totals=has_totals
            )

        return work

    def _show(self, board: Board, *, is_live: bool = False) -> None:
        self.board = board = board.with_users(self.users) if self.everybody else board
        self._draw(board)
        self.controls.show(board.filters, board)
        self._draw_totals()
        self._list(self.listed.value or "" if is_live else "")
        self.rest()

    def _list(self, chosen: str) -> None:
        """Offer the newest runs; what is chosen stays open below, though newer ones came."""
        options = [("Choose a run to inspect it", "")]
        options += [(run_label(row), row["run_id"]) for row in self.board.newest]
        if chosen not in {id for _, id in options}:
            options.append((f"the run that is open below ({chosen})", chosen))
        if list(self.listed.options) == options:
            return
        self._is_listing = True  # new options change the value for a moment
        self.listed.options = options
        self.listed.value = chosen
        self._is_listing = False

    def _choose(self) -> None:
        if not self._is_listing:
            self.attempt(lambda: self.inspect(self.listed.value), self._refuse_run)

    def _close(self) -> None:
        self.inspect("")
        self.listed.value = ""

    def _refuse_run(self, text: str) -> None:
        self.inspected.children = (ipywidgets.HTML(alert(text)),)

    def _draw(self, board: Board) -> None:
        drawn = {each.chart.name: each for each in board.charts}
        for card in self.cards:
            if (found := drawn.get(card.chart.name)) is not None:
                card.draw(found)

    def _draw_totals(self) -> None:
        if self.board.is_empty:
            self.tiles.value = f"<p>{escape(self.looked_at)}</p><p><b>{escape(EMPTY)}</b></p>"
            return
        tiles = "".join(
            f'<div class="na-tile" role="listitem"><b>{escape(value)}</b>{escape(label)}</div>'
            for label, value in kpis(self.totals)
        )
        self.tiles.value = (
            f"<p>{escape(self.looked_at)}</p>"
            f'<div class="na-tiles" role="list" aria-label="Totals">{tiles}</div>'
        )

    def _users(self) -> dict[str, str]:
        """Names of accounts by their ids; of nobody else than an administrator's view."""
        if not self.everybody:
            return {}
        actor = self.actor
        page = self.core(lambda core: core.users.list(actor, ListUsers(limit=MAX_NAMED)))
        named = {user.id: user.username for user in page.items}
        return {actor.user_id: actor.username} | named

    def _user_id(self, named: str) -> str:
        """The id of the account of that name; an id is one already."""
        found = [id for id, name in self.users.items() if named in (id, name)]
        if named and not found:
            known = ", ".join(sorted(self.users.values()))
            raise AgentError(f"there is no user {named!r}; there are {known}")
        return found[0] if found else ""

    def _now(self, filters: Filters) -> Filters:
        return replace(filters, now=datetime.now(UTC))


def filters_of(*, days: float | None = 7, **wished: str | None) -> Filters:
    """What somebody wants to see; AgentError when that is no time."""
    if days is not None and not 0 < days <= MAX_DAYS:
        raise AgentError(f"the dashboard looks back more than 0 and at most {MAX_DAYS} days")
    known = {name: dialect for dialect, name in SOURCES.items()}
    if unknown := wished.keys() - CONDITIONS.keys():
        raise AgentError(f"the dashboard has no filter {min(unknown)!r}; {OFFERED}")
    texts: dict[str, Any] = {name: text for name, text in wished.items() if text}
    if "source" in texts:
        texts["source"] = known.get(texts["source"], texts["source"])
    return Filters(days=days, **texts)
