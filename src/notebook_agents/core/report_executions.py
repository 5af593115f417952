"""What a report of a task's execution says: its executed notebook, and its figures."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from notebook_agents.core.errors import LimitExceeded
from notebook_agents.core.report_contents import Parts, at_minute, in_dollars, in_seconds
from notebook_agents.core.report_documents import Fact, ReportDocument

if TYPE_CHECKING:
    from notebook_agents.core.executions import Execution

MAX_NOTEBOOK_BYTES = 32 << 20
"""A larger notebook is not put into a report."""


def execution_document(
    execution: Execution, title: str, notebook: bytes, parts: Parts, now: datetime
) -> ReportDocument:
    """The report's document; its entries are the cells of the notebook."""
    if len(notebook) > MAX_NOTEBOOK_BYTES:
        raise LimitExceeded(
            f"the notebook has more than {MAX_NOTEBOOK_BYTES >> 20} MiB", limit="report"
        )
    return ReportDocument(
        kind="execution",
        title=title or "Execution",
        subject_id=execution.id,
        made_at=now,
        facts=_facts(execution),
        metrics=_metrics(execution) if parts.metrics else (),
        notices=_notices(execution),
        notebook=notebook.decode("utf-8", "replace") if parts.messages else "",
        shows_code=parts.tool_calls,
    )


def _facts(execution: Execution) -> tuple[Fact, ...]:
    found = {
        "Notebook": execution.notebook,
        "Trigger": execution.trigger,
        "Scheduled for": at_minute(execution.scheduled_for) if execution.scheduled_for else "",
        "Started": at_minute(execution.started_at or execution.created_at),
        "Ended": at_minute(execution.ended_at) if execution.ended_at else "",
        "Execution": execution.id,
    }
    return tuple(Fact(name=name, value=value) for name, value in found.items() if value)


def _metrics(execution: Execution) -> tuple[Fact, ...]:
    usage = execution.usage
    return (
        Fact(name="State", value=execution.state.replace("_", " ")),
        Fact(name="Attempt", value=str(execution.attempt)),
        Fact(name="Time", value=in_seconds(execution.duration_ms / 1000)),
        Fact(name="Replies", value=f"{execution.n_runs:,}"),
        Fact(name="Tokens written", value=f"{usage.output_tokens:,}"),
        Fact(name="Cost", value=in_dollars(usage.cost_usd)),
    )


def _notices(execution: Execution) -> tuple[str, ...]:
    failure = (execution.error_message,) if execution.error_message else ()
    return (*failure, *(f"Check failed: {check}" for check in execution.failed_checks))
