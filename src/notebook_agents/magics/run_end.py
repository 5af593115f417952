"""What becomes of a run that is over: its form, its notes, the answer, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_agents.magics.answer import Answer, answer_of
from notebook_agents.magics.code_blocks import code_in
from notebook_agents.magics.errors import AgentError, run_error
from notebook_agents.magics.figures import plotly_figures
from notebook_agents.magics.formats import json_value
from notebook_agents.magics.markdown import as_markdown
from notebook_agents.magics.undo import undo_answer
from notebook_agents.magics.waiting import Interrupted, Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.models import EngineHealth
    from notebook_agents.core.runs import Run
    from notebook_agents.magics.flags import Options
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.transcript import Transcript
    from notebook_agents.magics.turn import Turn


def end(session: Session, options: Options, run: Run, turn: Turn) -> Waits[Answer]:
    """Draw the end, bind the answer and return it.

    Raises AgentError when there is none, or none in the form that was wished for, and Interrupted
    when the person stopped it; what was answered is on the screen, and bound, then too.
    """
    transcript = turn.transcript
    yield from _look_at_gpu(session, transcript)
    value, problem = None, ""
    if run.state == "succeeded" and options.format == "json":
        try:
            value = json_value(run.text)
        except ValueError as error:
            problem = str(error)
    elif run.state == "succeeded" and options.format == "code":
        transcript.note(_inserted(session, run.text))
    turn.screen.end(transcript)
    answer = _answer(session, run, transcript, value)
    session.last_answer = answer
    session.cells.note_run(run)
    if options.out:
        session.namespace[options.out] = answer
    if turn.is_stopped and run.state == "cancelled":
        raise Interrupted
    if problem:
        kept = f"it is kept in {options.out}" if options.out else "to keep it, add -o NAME"
        raise AgentError(f"{problem}; {kept}, or ask anew without -f json")
    if run.state != "succeeded":
        raise run_error(run.error_code, run.error_message or f"the run ended as {run.state}")
    return answer


def _inserted(session: Session, text: str) -> str:
    from notebook_agents.magics.cells import insert_below

    code = code_in(text)
    return insert_below(session, code) if code else "there is no code in this answer"


def _look_at_gpu(session: Session, transcript: Transcript) -> Waits[None]:
    if not (transcript.has_footer and transcript.has_worked and transcript.has_gpu):
        return
    try:
        health = yield from until(session.host.submit(lambda core: core.models.health()))
    except (Interrupted, KeyboardInterrupt):
        return
    transcript.gpu = gpu_text(health)


def gpu_text(health: EngineHealth) -> str:
    """``GPU 6.1/24 GB``, or nothing where there is none."""
    used, total = health.stats.get("gpu_used_bytes"), health.stats.get("gpu_total_bytes")
    return f"GPU {used / 1e9:.1f}/{total / 1e9:.0f} GB" if used is not None and total else ""


def _answer(session: Session, run: Run, transcript: Transcript, value: Any) -> Answer:
    shell: Any = session.shell
    shown_in = shell.execution_count
    return answer_of(
        run,
        value=value,
        figures=plotly_figures(transcript.figures),
        footer=transcript.summary,
        markdown=as_markdown(transcript),
        is_on_screen=lambda: bool(shell.execution_count == shown_in),
        is_rich=session.is_kernel,
        take_back=lambda force: undo_answer(session, run, is_forced=force),
    )
