"""The process of one execution: ``python -m notebook_agents.tasks.child FOLDER``.

It tells on its output, logs on its error output, and ends with its parent: the pipe that is its
input closes when that one dies, and then nothing of the execution may go on. SIGTERM interrupts the
cell that runs and keeps what there is.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.tasks.spec import (
    EXECUTED,
    INPUT,
    MAX_EXECUTED_BYTES,
    MAX_TEXT,
    PAGE,
    SPEC,
    SPEC_ADAPTER,
    Line,
    Spec,
    line_to_json,
)

if TYPE_CHECKING:
    from notebook_agents.tasks.cells import Progress

ORPHANED = 3
"""The exit code of a child whose parent is gone."""


def main(folder: str) -> None:
    """Run what the folder says."""
    said = os.dup(1)
    os.dup2(2, 1)  # whatever else prints must not be taken for what is told

    def tell(line: Line) -> None:
        os.write(said, line_to_json(line))

    os.chdir(folder)
    os.umask(0o077)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from notebook_agents.tasks.cells import Progress
    progress = Progress(tell=tell)
    threading.Thread(target=_end_with_parent, args=(progress,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: progress.stop())
    tell(_run(SPEC_ADAPTER.validate_json(Path(SPEC).read_bytes()), progress))


def _run(spec: Spec, progress: Progress) -> Line:
    """Run the notebook; how it ended."""
    import nbformat

    from notebook_agents.tasks.checks import facts_of, failed_checks

    begun = time.monotonic()
    try:
        _prepare(spec, progress)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        return _ended("invalid_notebook", f"the notebook cannot be read: {_first_line(error)}")
    progress.tell(Line(type="started"))
    end = _execute(spec, progress)
    if not Path(EXECUTED).exists():
        return end
    book: Any = nbformat.read(EXECUTED, as_version=4)  # type: ignore[no-untyped-call]
    _write_page(book)
    if end.error_code or not spec.checks:
        return end
    failed = failed_checks(spec.checks, facts_of(book, time.monotonic() - begun))
    if not failed:
        return end
    text = f"{len(failed)} of {len(spec.checks)} checks do not hold: {failed[0]}"
    return _ended("check_failed", text[:MAX_TEXT], failed_checks=tuple(failed))


def _prepare(spec: Spec, progress: Progress) -> None:
    import nbformat

    from notebook_agents.tasks.preparing import kept_outputs, load, prepare

    book = prepare(load(spec.notebook))
    if spec.resumed:
        progress.kept = kept_outputs(book, load(spec.resumed, MAX_EXECUTED_BYTES))
    nbformat.write(book, INPUT)  # type: ignore[no-untyped-call]


def _execute(spec: Spec, progress: Progress) -> Line:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import papermill
    from nbclient.exceptions import DeadKernelError

    from notebook_agents.tasks.cells import ENGINE, Stopped

    try:
        papermill.execute_notebook(
            INPUT,
            EXECUTED,
            parameters=spec.parameters,
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=False,
            cwd=spec.work_folder or None,
            progress=progress,
        )
    except papermill.PapermillExecutionError:
        if progress.failed is None:  # papermill knows no errors that are expected
            _without_markers(EXECUTED)
            return _ended("", "")
        failed = progress.failed
        text = ": ".join(filter(None, (failed.error_type, failed.error_message)))
        return _ended("cell_failed", text[:MAX_TEXT], cell_index=failed.cell_index)
    except Stopped:
        return _ended("stopped", "it was asked to end")
    except DeadKernelError:
        text = "the kernel died while it ran a cell"
        return _ended("kernel_died", text, cell_index=progress.cell_index)
    return _ended("", "")


def _without_markers(path: str) -> None:
    import nbformat

    from notebook_agents.tasks.preparing import ERROR, tags_of

    book: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    book.cells = [cell for cell in book.cells if ERROR not in tags_of(cell)]
    nbformat.write(book, path)  # type: ignore[no-untyped-call]


def _write_page(book: Any) -> None:
    from notebook_agents.tasks.pages import page_of

    Path(PAGE).write_text(page_of(book))


def _ended(code: str, message: str, **fields: Any) -> Line:
    return Line(type="ended", error_code=code, error_message=message, **fields)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]


def _end_with_parent(progress: Progress) -> None:
    """Wait until nobody holds the other end of our input, then take the kernel along."""
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    if progress.kernel:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(progress.kernel, signal.SIGKILL)
    os._exit(ORPHANED)


if __name__ == "__main__":
    main(sys.argv[1])
