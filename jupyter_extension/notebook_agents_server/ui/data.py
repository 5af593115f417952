"""What the page asks for: a board, the answer to a statement, one run, a file.

Figures and statements are those of the notebook's dashboard; here they only become JSON. Everybody
sees their own runs. Everybody's are for administrators, and then with the page's own statements
alone: what somebody wrote is answered apart, over nothing but their own events.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from tornado.iostream import StreamClosedError

from notebook_agents.core.analytics import Table
from notebook_agents.core.errors import InvalidRequest, NotPermitted
from notebook_agents.core.sql_refusals import in_words
from notebook_agents.core.users import ListUsers
from notebook_agents.dashboards import tables
from notebook_agents.dashboards.board import (
    CHARTS,
    FIRST,
    LATER,
    MAX_NAMED,
    drawing,
    load_board,
)
from notebook_agents.dashboards.charts import Chart, Rows
from notebook_agents.dashboards.filters import Filters, names_in
from notebook_agents_server.base import VERSION
from notebook_agents_server.ui.session import DataDoor
from notebook_agents_server.ui.told import FIXED, MINE_ONLY, NO_DRAWING, told_board, told_rows
from notebook_agents_server.ui.wire import BoardQuery, FileWish, Question, plain

T = TypeVar("T")
CHART_NAMED = {chart.name: chart for chart in CHARTS}
PARTS = {"": (), "first": FIRST, "later": LATER}
CONTENT_TYPES = {"csv": "text/csv; charset=UTF-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True, slots=True)
class Failed:
    """What went wrong, for the handler to answer with."""

    error: Exception


async def _outcome(work: Coroutine[Any, Any, T]) -> T | Failed:
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - the handler raises it
        return Failed(error)


class UiData(DataDoor):
    """What all of them do."""

    scope = "read"
    _reading: asyncio.Task[Any] | None = None

    async def read(self, work: Coroutine[Any, Any, T]) -> T:
        """The outcome of what takes long; a page that goes away or asks anew ends it."""
        reading = self.core.spawn(_outcome(work), name=f"answer to {self.request_id}")
        self._reading = reading
        try:
            await asyncio.wait((reading,))
        finally:
            reading.cancel()
        if reading.cancelled():
            raise StreamClosedError
        outcome: T | Failed = reading.result()
        if isinstance(outcome, Failed):
            raise outcome.error
        return outcome

    def on_connection_close(self) -> None:
        """Stop reading for nobody."""
        super().on_connection_close()
        if self._reading is not None:
            self._reading.cancel()

    def whose(self, wish: BoardQuery) -> str | None:
        """The owner whose events are seen; None for everybody's."""
        if not wish.everybody:
            return self.actor.user_id
        self.require_admin()
        return None

    async def usernames(self) -> dict[str, str]:
        """Names of accounts by their ids, for administrators; the person's own is always there."""
        page = await self.core.users.list(self.actor, ListUsers(limit=MAX_NAMED))
        return {self.actor.user_id: self.actor.username} | {
            user.id: user.username for user in page.items
        }

    def answer(self, told: dict[str, Any]) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(json.dumps(plain(told), allow_nan=False))

    async def ask_log(self, wish: Question, filters: Filters) -> Table:
        """What a statement gives; see the rule above."""
        parameters = {
            name: value for name, value in filters.parameters.items() if name in names_in(wish.sql)
        }
        if self.whose(wish.filters) is None:
            chart = CHART_NAMED.get(wish.chart)
            if chart is None or chart.statement(filters) != wish.sql:
                raise NotPermitted(MINE_ONLY)
            return await self.core.analytics.query(wish.sql, parameters=parameters)
        try:
            return await self.core.analytics.query_apart(
                wish.sql, owner_id=self.actor.user_id, parameters=parameters
            )
        except InvalidRequest as error:
            known = await asyncio.to_thread(self.core.analytics.catalogue)
            raise in_words(error, wish.sql, known) from error


class BoardData(UiData):
    """``/ui/api/board``."""

    _tag = ""

    async def get(self) -> None:
        """Everything that the page shows at first; 304 where nothing was recorded since."""
        wish = self.parse_query(BoardQuery)
        owner_id, filters = self.whose(wish), wish.filters()
        state = (
            VERSION,
            self.actor.user_id,
            self.request.query,
            await self.core.analytics.version(),
        )
        self._tag = f'"{hashlib.sha256(repr(state).encode()).hexdigest()[:24]}"'
        self.set_etag_header()
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        reading = load_board(
            self.core.analytics,
            filters,
            owner_id,
            names=PARTS[wish.part],
            has_totals=wish.part != "later",
        )
        board = await self.read(reading)
        if owner_id is None:
            board = board.with_users(await self.usernames())
        about = {
            "is_admin": self.actor.is_admin,
            "everybody": owner_id is None,
            "fixed": FIXED if owner_id is None else "",
        }
        self.answer(told_board(board) | about)

    def compute_etag(self) -> str | None:
        """Of what the answer is made from, so that it need not be made."""
        return self._tag or None


class QueryData(UiData):
    """``/ui/api/query``."""

    async def post(self) -> None:
        """The rows of a statement, and the figure that the chart makes of them."""
        wish = self.parse(Question)
        table = await self.read(self.ask_log(wish, wish.filters.filters()))
        rows = [dict(zip(table.columns, plain(row), strict=True)) for row in table.rows]
        chart = CHART_NAMED.get(wish.chart)
        figure = drawing(chart, rows) if chart else None
        note = NO_DRAWING if rows and figure is None else _note(chart, rows)
        self.answer({**told_rows(table.columns, table.rows), "figure": figure, "note": note})


class FileData(UiData):
    """``/ui/api/download``."""

    async def post(self) -> None:
        """The rows of a statement as a file."""
        wish = self.parse(FileWish)
        table = await self.read(self.ask_log(wish, wish.filters.filters()))
        if wish.format == "csv":
            shown = tables.Table(caption="", columns=table.columns, rows=table.rows)
            content = shown.as_csv().encode()
        else:
            content = await self.core.analytics.parquet(table)
        self.offer_download(f"{wish.chart or 'query'}.{wish.format}", CONTENT_TYPES[wish.format])
        self.finish(content)


def _note(chart: Chart | None, rows: Rows) -> str:
    if chart is None:
        return ""
    try:
        return chart.note(rows)
    except (KeyError, TypeError, ValueError):  # the columns are others than the chart's
        return ""
