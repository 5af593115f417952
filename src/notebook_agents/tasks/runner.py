"""The runner: prepares the folder of an execution, has its child run, understands what it tells."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from notebook_agents.core.execution_events import CellFinished, CellStarted, ExecutionStarted
from notebook_agents.core.executions import (
    KERNEL_VARIABLE,
    Artifact,
    Execution,
    Outcome,
    Progress,
)
from notebook_agents.core.executors import Executor, Job, JobEnd
from notebook_agents.tasks.folders import Folders
from notebook_agents.tasks.notebooks import find_notebook, parameters_of
from notebook_agents.tasks.spec import Line, Spec, line_from_json

BUILD_VARIABLE = "NOTEBOOK_AGENTS_BUILD"
"""Tells a kernel, as JSON, how its server builds a core."""
PASSED_ON = re.compile(
    r"PATH|HOME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|USER|LOGNAME|SHELL|VIRTUAL_ENV|CONDA_PREFIX"
    r"|LD_LIBRARY_PATH|XDG_\w+|JUPYTER_(?:PATH|CONFIG_PATH|\w+_DIR)|IPYTHONDIR|PYTHONPATH"
    r"|PYTHONHASHSEED|MPLCONFIGDIR|(?:OMP|MKL|OPENBLAS)_NUM_THREADS|CUDA_\w+|NVIDIA_\w+"
    r"|HF_HOME|HF_HUB_OFFLINE|HF_HUB_CACHE|TRANSFORMERS_OFFLINE|SSL_CERT_FILE|SSL_CERT_DIR"
)
"""What children find of this process's environment; all else may be a secret."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksConfig:
    """What a deployment decides about executions."""

    root: Path
    """Of the folders of executions."""
    notebooks: Path
    """The folder that notebooks of owners are in."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where the product's data is, for kernels."""
    build: Mapping[str, Any] = field(default_factory=dict)
    """How kernels build their core; JSON values."""
    engine: Mapping[str, Any] = field(default_factory=dict)
    """The same of their engine, where there is no server that they share one with."""


class PapermillRunner:
    """Answers the TaskRunner port."""

    def __init__(self, config: TasksConfig, executor: Executor) -> None:
        self._config = config
        self._executor = executor
        self._folders = Folders(config.root)

    @property
    def places(self) -> int | None:
        """As many as the executor has."""
        return self._executor.places

    async def check(self, notebook: str) -> Sequence[str]:
        """The names of a notebook's parameters; InvalidRequest unless it may be used."""

        def read() -> Sequence[str]:
            return parameters_of(find_notebook(self._config.notebooks, notebook))

        return await _on_thread(read)

    async def run(
        self, execution: Execution, way: Mapping[str, str], tell: Callable[[Progress], None]
    ) -> Outcome:
        """Run the notebook in a child to its end."""
        folder = await _on_thread(partial(self._prepare, execution))
        job = Job(
            id=execution.id,
            folder=str(folder),
            environment=self._environment(execution, way),
        )
        last: list[Line] = []

        def listen(text: bytes) -> None:
            line = line_from_json(text)
            if line is not None and line.type == "ended":
                last.append(line)
            elif line is not None and (progress := _progress(line, execution)):
                tell(progress)

        end = await self._executor.run(job, listen)
        return _outcome(last[-1] if last else None, end, execution)

    async def stop(self, id: str, *, grace_s: float) -> None:
        """Interrupt its kernel."""
        await self._executor.stop(id, grace_s=grace_s)

    async def artifacts(self, id: str) -> Sequence[Artifact]:
        """The executed notebook and a page made of it."""
        return await _on_thread(partial(self._folders.artifacts, id))

    async def read(self, id: str, name: str) -> bytes:
        """One of them."""
        return await _on_thread(partial(self._folders.read, id, name))

    async def remove(self, id: str) -> None:
        """Remove its folder."""
        await _on_thread(partial(self._folders.remove, id))

    async def aclose(self) -> None:
        """Kill what still runs."""
        await self._executor.aclose()

    def _prepare(self, execution: Execution) -> Path:
        path = ""
        if execution.notebook:
            path = str(find_notebook(self._config.notebooks, execution.notebook))
        spec = Spec(
            notebook=path,
            work_folder=str(Path(path).parent) if path else "",
            parameters=execution.parameters,
            checks=execution.settings.checks,
            resumed=self._folders.executed(execution.resumes),
        )
        return self._folders.fill(execution.id, spec)

    def _environment(self, execution: Execution, way: Mapping[str, str]) -> Mapping[str, str]:
        config = self._config
        build = dict(config.build) if way else {**config.build, **config.engine}
        return {
            **{name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)},
            **config.environment,
            **way,
            KERNEL_VARIABLE: execution.id,
            BUILD_VARIABLE: json.dumps(build),
            "PYTHONUNBUFFERED": "1",
        }


def _progress(line: Line, execution: Execution) -> Progress | None:
    match line.type:
        case "started":
            return ExecutionStarted(
                execution_id=execution.id,
                task_id=execution.task_id,
                seq=0,
                notebook=execution.notebook_name,
            )
        case "cell_started":
            return CellStarted(
                execution_id=execution.id,
                seq=0,
                cell_index=line.cell_index,
                n_cells=line.n_cells,
                n_code_cells=line.n_code_cells,
                source=line.source,
            )
        case "cell_finished":
            return CellFinished(
                execution_id=execution.id,
                seq=0,
                cell_index=line.cell_index,
                status=line.status,
                duration_ms=line.duration_ms,
                n_outputs=line.n_outputs,
                error_type=line.error_type,
                error_message=line.error_message,
            )
    return None


def _outcome(last: Line | None, end: JobEnd, execution: Execution) -> Outcome:
    if last is not None:
        is_failed = bool(last.error_code)
        in_cell = last.error_code in ("cell_failed", "kernel_died")
        return Outcome(
            state="failed" if is_failed else "succeeded",
            error_code=last.error_code,
            error_message=last.error_message,
            failed_cell=last.cell_index if in_cell else None,
            failed_checks=last.failed_checks,
        )
    if end.exit_code is None or end.exit_code < 0:
        return Outcome(state="lost", error_message="the process of the execution was killed")
    # A traceback may hold paths and texts of other people's libraries: it is for the log alone.
    _log.error("execution %s: its process failed: %s", execution.id, end.detail)
    return Outcome(state="failed", error_code="internal", error_message="internal error")


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
