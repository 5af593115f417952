"""What the runner looks at before it runs anything, and what its children get to see."""

from __future__ import annotations

import json
import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.executions import Execution, Outcome
from notebook_agents.core.executors import Job, JobEnd
from notebook_agents.core.ids import new_id
from notebook_agents.tasks.runner import PapermillRunner, TasksConfig
from notebook_agents.tasks.spec import MAX_NOTEBOOK_BYTES

from .conftest import write_notebook


class Recorder:
    """An executor that keeps jobs and says what it is told to say."""

    places = None

    def __init__(self, *lines: bytes, end: JobEnd = JobEnd(exit_code=0)) -> None:  # noqa: B008
        self.jobs: list[Job] = []
        self._lines, self._end = lines, end

    async def run(self, job: Job, tell: Any) -> JobEnd:
        self.jobs.append(job)
        for line in self._lines:
            tell(line)
        return self._end

    async def stop(self, id: str, *, grace_s: float) -> None: ...

    async def aclose(self) -> None: ...


@pytest.fixture
def config(tmp_path: Path) -> TasksConfig:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    return TasksConfig(
        root=tmp_path / "executions",
        notebooks=notebooks,
        environment={"NOTEBOOK_AGENTS_HOME": str(tmp_path)},
        build={"sandbox_level": "medium"},
        engine={"engine_url": "http://engine"},
    )


def make_execution(**fields: Any) -> Execution:
    given: dict[str, Any] = {"settings": {}, **fields}
    del given["settings"]
    return Execution(
        id=new_id(),
        task_id=new_id(),
        owner_id="ann",
        conversation_id="c",
        agent_id="a",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        **given,
    )


async def test_only_notebooks_of_the_folder_may_run(config: TasksConfig, tmp_path: Path) -> None:
    runner, folder = PapermillRunner(config, Recorder()), config.notebooks
    write_notebook(folder / "a.ipynb", ("x = 1\ny: int = 2\nz, w = 1, 2\nimport os", "parameters"))
    assert await runner.check("a.ipynb") == ("x", "y")
    write_notebook(tmp_path / "outside.ipynb")
    (folder / "link.ipynb").symlink_to(tmp_path / "outside.ipynb")
    (folder / "text.ipynb").write_text("[1]")
    (folder / "large.ipynb").touch()
    os.truncate(folder / "large.ipynb", MAX_NOTEBOOK_BYTES + 1)
    write_notebook(folder / "wrong.ipynb", ("x = ", "parameters"))
    outside = str(tmp_path / "outside.ipynb")
    refused = ["link.ipynb", "../outside.ipynb", outside, "b.ipynb", "", "a\0.ipynb"]
    for name in (*refused, "text.ipynb", "large.ipynb", "wrong.ipynb"):
        with pytest.raises(InvalidRequest) as caught:
            await runner.check(name)
        assert caught.value.details["field"] == "notebook_path"


async def test_children_see_no_secret_of_the_server(
    config: TasksConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("NOTEBOOK_AGENTS_SECRET_KEY", "NOTEBOOK_AGENTS_ADMIN_PASSWORD", "OPENAI_API_KEY")
    for name in (*secrets, "JUPYTERHUB_API_TOKEN", "AWS_SECRET_ACCESS_KEY", "JUPYTER_TOKEN"):
        monkeypatch.setenv(name, "canary")
    executor = Recorder()
    runner = PapermillRunner(config, executor)
    alone, led = make_execution(), make_execution(parameters={"prompt": "canary?"})
    await runner.run(alone, {}, lambda _: None)
    await runner.run(led, {"NOTEBOOK_AGENTS_URL": "u"}, lambda _: None)
    first, second = (dict(job.environment) for job in executor.jobs)
    assert "canary" not in first.values()
    assert first["PATH"] == os.environ["PATH"]
    assert second["NOTEBOOK_AGENTS_EXECUTION"] == led.id
    assert json.loads(first["NOTEBOOK_AGENTS_BUILD"])["engine_url"] == "http://engine"
    assert "engine_url" not in json.loads(second["NOTEBOOK_AGENTS_BUILD"])
    folder = Path(executor.jobs[1].folder)
    assert (folder.name, folder.stat().st_mode & 0o777) == (led.id, 0o700)
    assert json.loads((folder / "spec.json").read_text())["parameters"] == {"prompt": "canary?"}


@pytest.mark.parametrize(
    ("end", "state", "code"),
    [
        (JobEnd(exit_code=-9), "lost", ""),
        (JobEnd(exit_code=None), "lost", ""),
        (JobEnd(exit_code=1, detail="Traceback: /secret/path"), "failed", "internal"),
    ],
)
async def test_a_child_that_says_nothing_at_the_end_is_lost_or_broken(
    config: TasksConfig, end: JobEnd, state: str, code: str
) -> None:
    runner = PapermillRunner(config, Recorder(b"noise\n", b'{"type": "other"}\n', end=end))
    told: list[Any] = []
    outcome = await runner.run(make_execution(), {}, told.append)
    assert (outcome.state, outcome.error_code, told) == (state, code, [])
    assert "secret" not in outcome.error_message


async def test_what_a_child_tells_is_passed_on(config: TasksConfig) -> None:
    lines = [
        b'{"type": "kernel", "pid": 7}\n',
        b'{"type": "cell_started", "cell_index": 3, "source": "x"}\n',
        b'{"type": "ended", "error_code": "cell_failed", "cell_index": 3}\n',
    ]
    told: list[Any] = []
    runner = PapermillRunner(config, Recorder(*lines))
    outcome = await runner.run(make_execution(), {}, told.append)
    assert outcome == Outcome(state="failed", error_code="cell_failed", failed_cell=3)
    assert [(body.type, body.cell_index) for body in told] == [("cell_started", 3)]


async def test_only_what_an_execution_leaves_can_be_read(config: TasksConfig) -> None:
    runner, execution = PapermillRunner(config, Recorder()), make_execution()
    await runner.run(execution, {}, lambda _: None)
    folder = config.root / execution.id
    (folder / "executed.ipynb").write_text("{}")
    (folder / "executed.html").symlink_to("/etc/passwd")
    assert [made.name for made in await runner.artifacts(execution.id)] == ["executed.ipynb"]
    assert await runner.read(execution.id, "executed.ipynb") == b"{}"
    for name in ("executed.html", "spec.json", "../x", "input.ipynb"):
        with pytest.raises(NotFound):
            await runner.read(execution.id, name)
    with pytest.raises(ValueError, match="badly formed"):
        await runner.artifacts("../other")
    await runner.remove(execution.id)
    assert not folder.exists()


@pytest.mark.parametrize(
    "text",
    [
        '"; import os #',
        "'''\n\"\"\"",
        "\\",
        "\\\\n\\u0041\\x41",
        "{a} {{b}} %s",
        "é\u2028\x00\t\r",
        "",
    ],
)
def test_a_parameter_is_a_text_whatever_is_in_it(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from papermill.translators import PythonTranslator
    source = PythonTranslator.codify({"prompt": text, "more": {"a": [text, None, True]}})
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - as the kernel does
    assert (names["prompt"], names["more"]) == (text, {"a": [text, None, True]})
