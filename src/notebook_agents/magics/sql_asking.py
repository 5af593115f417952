"""A question to the log of events, asked of a notebook's core and waited for in a cell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.magics.sql_errors import sql_error
from notebook_agents.magics.waiting import Interrupted, attempt, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_agents.core.analytics import Table, ViewInfo
    from notebook_agents.core.core import Core
    from notebook_agents.magics.host import CoreHost
    from notebook_agents.magics.sql_errors import Asked
    from notebook_agents.magics.waiting import Waits

BROKEN_OFF = "the query was broken off"


def answered(host: CoreHost, owner_id: str, asked: Asked) -> Waits[Table]:
    """What the log of an owner answers; AgentError points at what is wrong.

    A Stop ends the query, not only the wait for it.
    """
    asking = host.submit(
        lambda core: core.analytics.query(asked.sql, owner_id=owner_id, parameters=asked.values)
    )
    try:
        return (yield from attempt(asking))
    except (Interrupted, KeyboardInterrupt):
        raise Interrupted(BROKEN_OFF) from None
    except InvalidRequest as error:
        known = yield from until(host.submit(views_of))
        raise sql_error(error, asked, known) from None


async def views_of(core: Core) -> Sequence[ViewInfo]:
    """What there is to ask; the first look reads files, which must not hold up the core's loop."""
    return await asyncio.to_thread(core.analytics.catalogue)
