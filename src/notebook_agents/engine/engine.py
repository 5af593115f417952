"""One step of generation: schedule, forward, commit.

Everything here happens on the inference thread. Schedule says which rows move, forward computes
their logits, commit chooses tokens, hands out what they mean and lets ended rows go.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from notebook_agents.core.errors import EngineUnavailable, NotebookAgentsError
from notebook_agents.core.models import FinishReason, GenerateFinished, Usage
from notebook_agents.engine.device_time import gpu_clock
from notebook_agents.engine.gpu_memory import gpu_stats, memory_that_is_full, out_of_memory
from notebook_agents.engine.model import LoadedModel
from notebook_agents.engine.runner import ModelRunner
from notebook_agents.engine.scheduler import Row, Scheduler

_log = logging.getLogger(__name__)


class StepEngine:
    """Moves all requests forward, one token at a time."""

    def __init__(
        self,
        scheduler: Scheduler,
        make_runner: Callable[[LoadedModel], ModelRunner],
        clock: Callable[[torch.device], float | None] = gpu_clock,
    ) -> None:
        """``clock`` tells the seconds of a GPU when it is idle; None of any other device."""
        self._scheduler = scheduler
        self._make_runner = make_runner
        self._clock = clock
        self._runners: dict[LoadedModel, ModelRunner] = {}
        self.n_finished = 0
        self.n_tokens = 0
        self.n_steps = 0
        self.n_decodes = 0
        """Passes in which rows were decoded, and in the next line the rows in them."""
        self.n_decoded = 0

    @property
    def n_running(self) -> int:
        """Requests at work."""
        return len(self._scheduler.running)

    @property
    def n_waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self._scheduler.waiting)

    @property
    def kv_bytes(self) -> int:
        """What keys and values of all requests take now."""
        return sum(runner.kv_bytes for runner in tuple(self._runners.values()))

    def add(self, row: Row) -> None:
        """Take a new request."""
        self._scheduler.add(row)

    def cancel_all(self) -> None:
        """End every request, as if each of them had been cancelled."""
        for row in (*self._scheduler.running, *self._scheduler.waiting):
            row.is_cancelled = True

    def forget(self, model: LoadedModel) -> None:
        """Let a model go: its requests fail."""
        error = EngineUnavailable(f"model {model.info.id!r} was unloaded", model=model.info.id)
        self._runners.pop(model, None)
        self._fail(self._rows_of(model), error)

    def step(self) -> bool:
        """Compute one step; False when there is nothing to do."""
        self._drop_cancelled()
        step = self._scheduler.next_step()
        if step is None:
            return False
        self.n_steps += 1
        for rows in _by_model(step.decode):
            self._decode(rows)
        # A decode that failed took all rows of its model with it, this one perhaps too.
        if step.read is not None and step.read in self._scheduler.running:
            self._read(step.read, step.n_tokens)
        return True

    def _read(self, row: Row, n_tokens: int) -> None:
        row.started_at = row.started_at or time.monotonic()
        logits = self._forward([row], lambda runner: runner.read(row, n_tokens))
        if logits is not None and row.is_read:
            self._commit(row, logits)

    def _decode(self, rows: Sequence[Row]) -> None:
        self.n_decodes += 1
        self.n_decoded += len(rows)
        logits = self._forward(rows, lambda runner: runner.decode(rows))
        if logits is None:
            return
        for row, scores in zip(rows, logits, strict=True):
            self._commit(row, scores)

    def _forward(
        self, rows: Sequence[Row], compute: Callable[[ModelRunner], Tensor]
    ) -> Tensor | None:
        """The logits, or None when the model failed and with it these rows."""
        model = rows[0].model
        runner = self._runners.get(model)
        if runner is None:
            runner = self._runners[model] = self._make_runner(model)
        try:
            begun = self._clock(model.device)
            with torch.inference_mode():
                logits = compute(runner)
            self._share(rows, begun)
            return logits
        except Exception as error:  # noqa: BLE001 - a failed model must not end the thread
            _log.error("model %s failed", model.info.id, exc_info=error)
            reason = f"model {model.info.id!r} failed: {type(error).__name__}"
            if memory := memory_that_is_full(error):
                stats = gpu_stats(model.device)
                reason = out_of_memory(model.info.id, model.info.memory_bytes, stats, memory)
            # The runner goes first: after a failure it may not even be able to release a row.
            del self._runners[model]
            self._fail(self._rows_of(model), EngineUnavailable(reason, model=model.info.id))
            return None

    def _share(self, rows: Sequence[Row], begun: float | None) -> None:
        """Count the time since then as that of these rows, in equal parts."""
        ended = None if begun is None else self._clock(rows[0].model.device)
        if begun is None or ended is None:
            return
        for row in rows:
            row.gpu_s = (row.gpu_s or 0.0) + (ended - begun) / len(rows)

    def _commit(self, row: Row, logits: Tensor) -> None:
        try:
            self._accept(row, row.sampler.choose(logits))
        except NotebookAgentsError as error:
            self._fail([row], error)
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            _log.error("a request to model %s failed", row.model.info.id, exc_info=error)
            self._fail([row], EngineUnavailable(f"generation failed: {type(error).__name__}"))

    def _accept(self, row: Row, token: int) -> None:
        row.last_token_at = time.monotonic()
        row.first_token_at = row.first_token_at or row.last_token_at
        row.tokens.append(token)
        self.n_tokens += 1
        if token in row.model.eos_ids:
            self._finish(row, "stop")
            return
        for chunk in row.reader.push(token):
            row.emit(chunk)
        if row.reader.is_stopped:
            self._finish(row, "stop")
        elif len(row.tokens) >= row.max_tokens:
            self._finish(row, "length")

    def _finish(self, row: Row, reason: FinishReason) -> None:
        if reason != "cancelled":
            for chunk in row.reader.close(is_complete=reason == "stop"):
                row.emit(chunk)
        self._release(row)
        row.emit(
            GenerateFinished(
                finish_reason=row.reader.finish_reason(reason),
                usage=Usage(
                    input_tokens=len(row.prompt_ids),
                    output_tokens=len(row.tokens),
                    cached_tokens=0,  # every prompt is read anew
                    gpu_s=row.gpu_s,
                ),
                n_dropped=row.n_dropped,
                queue_ms=1e3 * max(0.0, row.started_at - row.submitted_at),
                ttft_ms=1e3 * max(0.0, row.first_token_at - row.started_at),
                decode_ms=1e3 * (row.last_token_at - row.first_token_at),
            )
        )

    def _fail(self, rows: Iterable[Row], error: NotebookAgentsError) -> None:
        for row in rows:
            self._release(row)
            row.emit(error)

    def _release(self, row: Row) -> None:
        if not self._scheduler.remove(row):
            return
        if (runner := self._runners.get(row.model)) is not None:
            runner.release(row)
        self.n_finished += 1

    def _drop_cancelled(self) -> None:
        for row in (*self._scheduler.running, *self._scheduler.waiting):
            if row.is_cancelled:
                self._finish(row, "cancelled")

    def _rows_of(self, model: LoadedModel) -> list[Row]:
        rows = (*self._scheduler.running, *self._scheduler.waiting)
        return [row for row in rows if row.model is model]


def _by_model(rows: Iterable[Row]) -> Iterable[list[Row]]:
    found: dict[LoadedModel, list[Row]] = {}
    for row in rows:
        found.setdefault(row.model, []).append(row)
    return found.values()
