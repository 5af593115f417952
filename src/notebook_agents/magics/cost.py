"""``%agent cost``: the tokens, and the money where prices are known, of what was recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    import pandas as pd

    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

_SUMS = """count(*) AS runs, coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
 coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens, sum(cost_usd) AS cost_usd"""


def cost(session: Session, _argument: str, _options: Options) -> Waits[pd.DataFrame]:
    """``%agent cost``: this conversation, today, and today by model."""
    owner_id = (yield from session.identify()).actor.user_id
    query = _query(session.conversation_id, _midnight())
    table = yield from until(
        session.host.submit(lambda core: core.analytics.query(query, owner_id=owner_id))
    )
    import pandas as pd

    frame = pd.DataFrame(list(table.rows), columns=list(table.columns)).drop(
        columns="place", errors="ignore"
    )
    # Where no price is known there is no column of money, and never a zero.
    is_priced = "cost_usd" in frame and bool(frame["cost_usd"].notna().any())
    return frame if is_priced else frame.drop(columns="cost_usd", errors="ignore")


def _query(conversation_id: str, since: str) -> str:
    here = conversation_id.replace("'", "")
    today = f"FROM v_runs WHERE started >= TIMESTAMPTZ '{since}'"
    return f"""
SELECT 0 AS place, 'this conversation' AS what, {_SUMS} FROM v_runs WHERE conversation_id = '{here}'
UNION ALL SELECT 1, 'today', {_SUMS} {today}
UNION ALL SELECT 2, 'today, ' || model, {_SUMS} {today} GROUP BY model
ORDER BY place, runs DESC"""  # noqa: S608 - our own id and time; and it reads one owner's runs


def _midnight() -> str:
    """The beginning of the day of whoever asks."""
    now = datetime.now(UTC).astimezone()
    return now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
