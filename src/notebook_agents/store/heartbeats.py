"""Heartbeats: signs of life of processes that share a database but not a machine.

Each process says every few seconds, from a thread of its own, that it lives; all moments are those
of the database, so clocks of machines need not agree. A process that was silent for too long counts
as dead. Who judges must have been heard without a break for as long itself: after the database was
away, everybody was silent, and nobody is dead because of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from notebook_agents.store.tables import heartbeats

FORGET_AFTER = timedelta(days=1)
"""Rows of processes that were silent for so long are removed."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a process says that it lives, and when it counts as dead."""

    beat_s: float = 5.0
    dead_after_s: float = 20.0
    now: Callable[[], float] = time.monotonic


class Heartbeats:
    """Says that this process lives, and knows of others. PostgreSQL only."""

    def __init__(self, engine: Engine, own: str, pace: Pace | None = None) -> None:
        self._engine = engine
        self._own = own
        self._pace = pace or Pace()
        self._last = self._steady_since = self._pace.now()
        self._is_silent = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="store-heartbeat", daemon=True)

    def start(self, found_dead: Collection[str]) -> None:
        """Begin to beat; the first beat and what is known of others is written at once."""
        with self._engine.begin() as connection:
            too_old = heartbeats.c.beat_at < func.now() - FORGET_AFTER
            connection.execute(delete(heartbeats).where(heartbeats.c.id.in_(found_dead) | too_old))
            self._beat(connection)
        self._last = self._steady_since = self._pace.now()
        self._thread.start()

    def is_alive(self, connection: Connection, holder: str) -> bool:
        """Whether a process lives, as far as can be known; never False of one that is heard."""
        silence = timedelta(seconds=self._pace.dead_after_s)
        is_heard = heartbeats.c.beat_at > func.now() - silence
        found = connection.execute(select(is_heard).where(heartbeats.c.id == holder)).first()
        if found is None:
            return False
        now = self._pace.now()
        is_heard_ourselves = now - self._last < self._pace.dead_after_s
        may_judge = is_heard_ourselves and now - self._steady_since >= self._pace.dead_after_s
        return bool(found[0]) or not may_judge

    def close(self) -> None:
        """Say goodbye."""
        self._ended.set()
        self._thread.join(self._pace.beat_s)
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(heartbeats).where(heartbeats.c.id == self._own))
        except SQLAlchemyError:
            _log.debug("could not say goodbye; the others will notice", exc_info=True)

    def _beat_on(self) -> None:
        while not self._ended.wait(self._pace.beat_s):
            try:
                with self._engine.begin() as connection:
                    self._beat(connection)
            except SQLAlchemyError as error:
                self._went_silent(error)
            else:
                self._was_heard()

    def _beat(self, connection: Connection) -> None:
        row = insert(heartbeats).values(id=self._own, beat_at=func.clock_timestamp())
        connection.execute(
            row.on_conflict_do_update(
                index_elements=[heartbeats.c.id], set_={"beat_at": row.excluded.beat_at}
            )
        )

    def _was_heard(self) -> None:
        now = self._pace.now()
        if now - self._last > self._pace.dead_after_s / 2:
            self._steady_since = now
        self._last = now
        if self._is_silent:
            self._is_silent = False
            _log.info("the database hears from this process again")

    def _went_silent(self, error: SQLAlchemyError) -> None:
        if not self._is_silent:
            self._is_silent = True
            _log.warning("the database does not hear that this process lives: %s", error)
