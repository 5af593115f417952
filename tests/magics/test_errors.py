"""How a cell fails: one line with the cause and the next command, and an error for papermill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from notebook_agents.core.errors import (
    EngineUnavailable,
    LimitExceeded,
    NotebookAgentsError,
    SandboxUnavailable,
)
from notebook_agents.core.models import GenerateFinished, GenerateText
from notebook_agents.magics.errors import AgentError, one_line
from notebook_agents.testing import call

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.magics.conftest import AgentShell

    from notebook_agents.core.models import GenerateChunk, GenerateRequest

ABSENT = EngineUnavailable(
    "model 'Qwen/Qwen2.5-7B' is not on this machine; run: hf download Qwen/Qwen2.5-7B"
)
GPU_FULL = EngineUnavailable(
    "out of GPU memory: model 'other/model' needs 15.2 GB, 3.1 of 24.0 GB are free"
)


@dataclass(frozen=True)
class Failure:
    """A mistake or a misfortune, and what is said of it."""

    line: str
    cause: str
    step: str
    script: list[Any] = field(default_factory=list)


FAILURES = {
    "an unknown model": Failure(
        "%agent -m other/modle hi",
        "no model 'other/modle'; did you mean 'other/model'",
        "%agent list",
    ),
    "an unknown model of the hub": Failure(
        "%agent -m zzz/qq hi", "no model 'zzz/qq'; known: ", "hf download zzz/qq"
    ),
    "an unknown model of a service": Failure(
        "%agent -m ollama/qwen3 hi", "no model 'ollama/qwen3'", "no ollama is set up here"
    ),
    "weights that are not here": Failure(
        "%agent hi", "is not on this machine", "hf download Qwen/Qwen2.5-7B", [ABSENT]
    ),
    "too little GPU memory": Failure(
        "%agent hi", "needs 15.2 GB, 3.1 of 24.0 GB are free", "%agent list", [GPU_FULL]
    ),
    "an engine that is not there": Failure(
        "%agent hi",
        "no engine answers at the configured engine_url",
        "%agent status",
        [EngineUnavailable("no engine answers at the configured engine_url")],
    ),
    "a sandbox that cannot be": Failure(
        "%agent hi",
        "level high cannot be",
        "%agent status",
        [SandboxUnavailable("level high cannot be")],
    ),
    "a budget of steps": Failure(
        "%agent --max-steps 1 hi",
        "used all its 1 model steps",
        "--max-steps N",
        [[call("python_executor", code="1")], "x"],
    ),
    "a budget of tokens": Failure(
        "%agent --max-tokens 1 hi",
        "used its 1 output tokens",
        "--max-tokens N",
        [[call("python_executor", code="1")], "x"],
    ),
    "too many requests": Failure(
        "%agent hi",
        "too many requests wait",
        "%agent reset",
        [LimitExceeded("too many requests wait")],
    ),
    "an empty prompt": Failure("%agent -t 0", "the prompt is empty", "%agent [flags] text"),
    "an empty cell": Failure("%%agent\n ", "the prompt is empty", "%agent [flags] text"),
    "an unknown flag": Failure(
        "%agent --modle x hi", "unknown flag --modle", "did you mean --model?"
    ),
    "an unknown flag of a subcommand": Failure(
        "%agent tools -x", "unknown flag -x of %agent tools", "see: %agent tools --help"
    ),
    "a run that is not there": Failure(
        "%agent inspect zzz", "run 'zzz' was not found", "%agent sql SELECT run_id"
    ),
    "a task that is not there": Failure(
        "%agent task show zzz", "task 'zzz' was not found", "see: %agent task list"
    ),
    "a provider that is not set up": Failure(
        "%agent list opnai", "no provider 'opnai' is set up here", "docs/models.md"
    ),
    "a question that begins like a command": Failure(
        "%agent list files", "no provider 'files' is set up here", "%agent -- list files"
    ),
    "a number of a cell that is none": Failure("%agent fix x", "number of a cell", "%agent fix 5"),
    "an unknown subcommand": Failure("%agent histroy", "no subcommand 'histroy'", "mean history?"),
    "a tool that is not there": Failure("%agent --tools zzz hi", "zzz", "%agent tools"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_one_line_on_stderr_with_cause_and_next_command(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    failure = FAILURES[name]
    agent_shell.engine.script = list(failure.script)
    error = agent_shell.run(failure.line).error
    told = capsys.readouterr()
    assert isinstance(error, AgentError), "papermill and Run all must stop here"
    assert failure.cause in str(error)
    assert failure.step in str(error)
    assert told.err == f"AgentError: {error}\n"
    assert "Traceback" not in told.out
    assert "\n" not in str(error)


def test_where_no_model_is_set_the_built_in_one_answers_and_says_so(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent_shell.run("%agent hi").value.model == "notebook-agents/tiny"
    told = capsys.readouterr().out
    assert "built-in demo model" in told
    assert "%agent model NAME" in told


def test_a_tool_that_is_denied_is_told_with_what_would_allow_it(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.engine.script = [[call("file_writer", path="a")], "I may not"]
    answer = agent_shell.run("%agent write").value
    assert answer.tool_calls[0].status == "denied"
    told = capsys.readouterr()
    assert "(denied)" in told.out
    assert "--yes" in told.out + told.err


def test_what_did_not_fit_the_model_is_told(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    async def generate(_request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        yield GenerateText(text="short")
        yield GenerateFinished(finish_reason="stop", n_dropped=4)

    agent_shell.engine.generate = generate  # type: ignore[method-assign, assignment]
    agent_shell.run("%agent hi")
    told = capsys.readouterr().out
    assert "the first 4 messages do not fit the model and were left out" in told


@pytest.mark.parametrize("kind", NotebookAgentsError.__subclasses__())
def test_every_error_of_the_core_is_one_line(
    agent_shell: AgentShell, kind: type[NotebookAgentsError]
) -> None:
    agent_shell.engine.script = [_made(kind)]
    error = agent_shell.run("%agent hi").error
    assert isinstance(error, AgentError)
    assert "\n" not in str(error)
    assert "broken" in str(error)


def _made(kind: type[Any]) -> NotebookAgentsError:
    try:
        made: NotebookAgentsError = kind("it is\nbroken")
    except TypeError:
        made = kind("thing", "broken")
    return made


def test_one_line_keeps_the_next_step_that_the_cause_names() -> None:
    assert one_line("a\n  b.", "do it") == "a b; do it"
    assert one_line("see: %agent tools", "do it") == "see: %agent tools"


def test_a_variable_is_no_run_and_can_be_asked_about(agent_shell: AgentShell) -> None:
    agent_shell.run("total = 3")
    error = agent_shell.run("%agent inspect total").error
    assert "'total' is a variable" in str(error)
    assert "%agent -- inspect total" in str(error)
