"""What the answers of an execution used, and whether that is all that they may."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.errors import LimitExceeded
from notebook_agents.core.executions import MARK, Execution
from notebook_agents.core.models import Usage
from notebook_agents.core.ports import Query
from notebook_agents.core.runs import Run

if TYPE_CHECKING:
    from notebook_agents.core.ports import Store

MAX_RUNS = 10_000
"""More than one conversation has."""


async def execution_of(run: Run, store: Store) -> Execution | None:
    """The execution whose notebook asks for a run.

    What clients of an API write into their metadata makes them part of none: it has to be the
    execution that the conversation belongs to.
    """
    named = run.metadata.get(MARK)
    if not isinstance(named, str) or not named:
        return None
    execution = await store.get(Execution, named)
    is_its = execution is not None and execution.conversation_id == run.conversation_id
    return execution if is_its else None


async def runs_of(execution: Execution, store: Store) -> list[Run]:
    """Its runs, oldest first."""
    query = Query(
        where={"conversation_id": execution.conversation_id}, limit=MAX_RUNS, oldest_first=True
    )
    runs = (await store.find(Run, query)).items
    return [run for run in runs if run.metadata.get(MARK) == execution.id]


async def with_usage(execution: Execution, store: Store) -> Execution:
    """The execution with what its runs used; failed if that is all that they may.

    An answer that ends where the budget does was most likely cut off there.
    """
    runs = await runs_of(execution, store)
    usage = sum((run.usage for run in runs), start=Usage())
    execution = replace(execution, usage=usage, n_runs=len(runs))
    is_affected = execution.state == "succeeded" or execution.error_code == "cell_failed"
    if not is_affected:
        return execution
    if spent := _spent(execution):
        text = f"the execution used up its budget: {spent}"
    elif runs and runs[-1].error_code == LimitExceeded.code and execution.state == "failed":
        text = runs[-1].error_message
    else:
        return execution
    return replace(execution, state="failed", error_code="budget_exceeded", error_message=text)


def _spent(execution: Execution) -> str:
    """What there was of a budget that is used up; empty while something is left."""
    settings, usage = execution.settings, execution.usage
    if settings.max_tokens is not None and usage.output_tokens >= settings.max_tokens:
        return f"{usage.output_tokens:,} of {settings.max_tokens:,} output tokens"
    cost, most = usage.cost_usd, settings.max_cost_usd
    if cost is not None and most is not None and cost >= most:
        return f"${cost:g} of ${most:g}"
    return ""
