"""Whoever is inside for long is looked at again: sockets and streams end with their credentials.

A disabled account's runs end too; what a credential has started otherwise goes on without it.

All that came with the same credential through doors of the same dialect cost one look.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from notebook_agents.core.errors import (
    NotAuthenticated,
    NotebookAgentsError,
    NotFound,
    NotPermitted,
)
from notebook_agents.core.users import Actor

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents_server.door import Door

MAX_INTERVAL_S = 3.0
"""So that what was revoked ends within five seconds."""
_log = logging.getLogger(__name__)


class Guests:
    """The doors behind which something goes on."""

    def __init__(self) -> None:
        self._doors: set[Door] = set()

    def admit(self, door: Door) -> None:
        """Look at its credential now and then from here on."""
        self._doors.add(door)

    def dismiss(self, door: Door) -> None:
        """It is over."""
        self._doors.discard(door)

    async def look_on(self, core: Core, interval_s: float) -> None:
        """Look without end; never more than `MAX_INTERVAL_S` apart."""
        while True:
            await asyncio.sleep(min(interval_s, MAX_INTERVAL_S))
            await self.look()
            try:
                await end_runs_of_blocked(core)
            except Exception:  # noqa: BLE001 - the database may be away for a moment
                _log.exception("the runs of disabled accounts could not be looked for")

    async def look(self) -> None:
        """Evict whoever came with what is worth nothing, or something else, now."""
        groups: dict[tuple[str, str], list[Door]] = defaultdict(list)
        for door in self._doors:
            groups[door.credential, door.dialect.name].append(door)
        for doors in groups.values():
            await self._look_at(doors)

    async def _look_at(self, doors: list[Door]) -> None:
        try:
            actor = await doors[0].whose_now()
        except (NotAuthenticated, NotPermitted) as error:
            self._evict(doors, error)
        except Exception:  # noqa: BLE001 - the database may be away for a moment
            _log.exception("a credential could not be checked again; it is tried later")
        else:
            changed = NotAuthenticated("what you may do has changed; connect again")
            self._evict([door for door in doors if door.actor != actor], changed)

    def _evict(self, doors: list[Door], error: NotebookAgentsError) -> None:
        for door in doors:
            self.dismiss(door)
            door.evict(error)


async def end_runs_of_blocked(core: Core) -> None:
    """Cancel what works here for accounts that were disabled."""
    for owner_id in core.runs.owners():
        with suppress(NotFound):  # whoever has no account was not disabled
            user = await core.users.get(owner_id)
            if not user.is_active:
                await core.runs.cancel_here(Actor(user_id=user.id, username=user.username))
