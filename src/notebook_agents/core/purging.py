"""Removing records that nobody needs any more, a bounded number at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.ports import Delete

if TYPE_CHECKING:
    from notebook_agents.core.ports import Query, Store

BATCH = 500
"""Records that are removed at once, so that others need not wait long for the store."""


async def remove_all(store: Store, kind: type[Any], query: Query) -> None:
    """Remove all records that match, however many, whatever limit the query has."""
    wanted = replace(query, limit=BATCH, offset=0)
    while found := (await store.find(kind, wanted)).items:
        await store.commit(*(Delete(kind=kind, id=record.id) for record in found))
