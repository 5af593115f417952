"""``%agent cost``: the tokens and the money of what was recorded, and what no price is known of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from notebook_agents.magics.sql import tabled
from notebook_agents.magics.sql_frames import frame_of
from notebook_agents.magics.waiting import Waits

if TYPE_CHECKING:
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

UNKNOWN = "unknown"
_SUMS = """count(*) AS runs, coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
    if(sum(uncosted_calls) > 0, sum(cost_usd), coalesce(sum(cost_usd), 0)) AS cost_usd,
    coalesce(sum(uncosted_calls), 0)::BIGINT AS uncosted_calls"""
COSTS = f"""
WITH today AS (SELECT * FROM v_runs WHERE started >= $midnight)
SELECT 0 AS place, 'this conversation' AS what, {_SUMS}
FROM v_runs WHERE conversation_id = $conversation_id
UNION ALL SELECT 1, 'today', {_SUMS} FROM today
UNION ALL SELECT 2, 'today, ' || model, {_SUMS} FROM today GROUP BY model
ORDER BY place, runs DESC"""  # noqa: S608 - texts of ours; values are bound


def cost(session: Session, _argument: str, _options: Options) -> Waits[pd.DataFrame]:
    """``%agent cost``: this conversation, today, and today by model."""
    # No conversation yet is none, and not the runs that have none.
    values = {"conversation_id": session.conversation_id or None, "midnight": _midnight()}
    table = yield from tabled(session, COSTS, values)
    return Costs(frame_of(table).drop(columns="place", errors="ignore"))


class Costs(pd.DataFrame):
    """A frame that shows as unknown what nobody knows; in calculations it is missing, never 0."""

    def __repr__(self) -> str:
        return self.to_string(na_rep=UNKNOWN)

    def _repr_html_(self) -> str:
        return self.to_html(na_rep=UNKNOWN, notebook=True)


def _midnight() -> datetime:
    """The beginning of the day of whoever asks."""
    now = datetime.now(UTC).astimezone()
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
