"""``%agent budget``: how much you mean to spend, and how much of that is gone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from notebook_agents.core.spending import SetBudget
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.facts import Help
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    import pandas as pd

    from notebook_agents.core.spending import Budget, Period
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

USAGE = "%agent budget takes an amount in US dollars or off: %agent budget month 20"
NONE = "No budget. To be warned in time: %agent budget 5, or %agent budget month 50"


def budget(session: Session, text: str, _options: Options) -> Waits[pd.DataFrame | Help]:
    """``%agent budget [day|month] [AMOUNT|off]``."""
    actor = (yield from session.identify()).actor
    wish = wish_of(text)
    if wish is not None:
        yield from until(session.host.submit(lambda core: core.spending.set(actor, wish)))
    budgets = yield from until(session.host.submit(lambda core: core.spending.list(actor)))
    return _frame(budgets) if budgets else Help(NONE)


def wish_of(text: str) -> SetBudget | None:
    """The budget that is wished for; None where nothing but a look is."""
    words = text.lower().split()
    period: Period = "day"
    if words and words[0] in ("day", "month"):
        period = _period(words.pop(0))
        if not words:
            raise AgentError(USAGE)
    if not words:
        return None
    if len(words) > 1:
        raise AgentError(USAGE)
    if words[0] == "off":
        return SetBudget(period=period, limit_usd=None)
    try:
        return SetBudget(period=period, limit_usd=float(words[0].removeprefix("$")))
    except ValueError as error:
        raise AgentError(USAGE) from error


def _period(word: str) -> Literal["day", "month"]:
    return "day" if word == "day" else "month"


def _frame(budgets: tuple[Budget, ...]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame([asdict(budget) for budget in budgets])
    # What nobody knows is missing, in a column of numbers.
    return frame.astype(dict.fromkeys(("spent_usd", "projected_usd", "percent"), "float64"))
