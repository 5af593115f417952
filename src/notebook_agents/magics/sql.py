"""``%agent sql`` and ``%%agent_sql``: questions to everything that was recorded, in SQL.

``$name`` in the query is the notebook's variable of that name. ``name << SELECT …`` keeps the
answer instead of showing it, ``--explain`` shows how the database would go about it, ``--views``
what there is to read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.core.sql_text import solid, tokens_of
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.facts import Help
from notebook_agents.magics.flags import check_name
from notebook_agents.magics.sql_asking import answered, views_of
from notebook_agents.magics.sql_errors import Asked
from notebook_agents.magics.sql_frames import frame_of, view_frame
from notebook_agents.magics.sql_values import bound_values
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from notebook_agents.core.analytics import Table
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

_SWITCH = r"--(?:explain|views)(?=\s|$)"
_FRONT = re.compile(
    rf"\s*(?P<switches>(?:{_SWITCH}\s*)*)(?:(?P<name>\w*)\s*(?P<keeps><<)(?!<)\s*)?"
    rf"(?P<more>(?:{_SWITCH}\s*)*)"
)
_EXPLAINED = re.compile(r"\s*EXPLAIN\b", re.IGNORECASE)
EMPTY = "%agent sql needs a query; try: %agent sql SELECT * FROM v_runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What stands behind ``%agent sql``."""

    sql: str
    """Nothing where the views are asked for."""
    name: str = ""
    """The variable that keeps the answer."""

    @property
    def is_plan(self) -> bool:
        """Whether the answer is how the database would go about it."""
        return _EXPLAINED.match(self.sql) is not None


def sql(session: Session, text: str, options: Options) -> Waits[pd.DataFrame | Help | None]:
    """``%agent sql``."""
    asked = question_of(text, options)
    answer = yield from _answer(session, asked)
    if not asked.name:
        return answer
    session.namespace[asked.name] = answer
    return None


def _answer(session: Session, asked: Question) -> Waits[pd.DataFrame | Help]:
    if not asked.sql:
        return view_frame((yield from until(session.host.submit(views_of))))
    values = bound_values(asked.sql, session.namespace)
    table = yield from tabled(session, asked.sql, values)
    return _plan(table) if asked.is_plan else frame_of(table)


def question_of(text: str, options: Options) -> Question:
    """The query and what is to become of it; AgentError when there is none."""
    front = _FRONT.match(text)
    switches = {*front["switches"].split(), *front["more"].split()} if front else set()
    name = _kept_name(front, options) if front else ""
    query = text[front.end() if front else 0 :]
    if "--views" in switches:
        if "--explain" in switches or solid(tokens_of(query)):
            raise AgentError("--views stands alone: %agent sql --views")
        return Question(sql="", name=name)
    if not query.strip(" \t\n;"):
        raise AgentError(EMPTY)
    is_plain = "--explain" not in switches or _EXPLAINED.match(query)
    return Question(sql=query if is_plain else f"EXPLAIN {query}", name=name)


def _kept_name(front: re.Match[str], options: Options) -> str:
    """The name before ``<<``; AgentError where it is none."""
    name = front["name"] or ""
    if front["keeps"] is None:
        return ""
    if options.out:
        raise AgentError(
            f"-o {options.out} (shown and kept) and << (only kept) contradict each other; keep one"
        )
    check_name(name, f"{name!r} is no name of a variable; write: runs << SELECT …")
    return name


def tabled(session: Session, query: str, values: Mapping[str, Any]) -> Waits[Table]:
    """What the log of this notebook's owner answers; AgentError points at what is wrong."""
    owner_id = (yield from session.identify()).actor.user_id
    return (yield from answered(session.host, owner_id, Asked(query, values)))


def _plan(table: Table) -> Help:
    """The last column of EXPLAIN is the plan, drawn with lines."""
    return Help("\n".join(str(row[-1]).rstrip("\n") for row in table.rows))
