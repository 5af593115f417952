"""Steps of the engine against ``generate()``: same tokens, whoever runs beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import (
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    Sampling,
)
from notebook_agents.engine.engine import StepEngine
from notebook_agents.engine.host import make_row
from notebook_agents.engine.model import LoadedModel
from notebook_agents.engine.runner import TransformersRunner
from notebook_agents.engine.scheduler import Emission, FifoScheduler, Row
from notebook_agents.engine.small_runner import SmallRunner

PROMPTS = ("hi", "What is the mean of price in sales.csv?", "x" * 150, "日本語", "a b c d e f")


@dataclass
class Asked:
    """A request and what came of it."""

    row: Row
    emissions: list[Emission] = field(default_factory=list)

    @property
    def finished(self) -> GenerateFinished:
        last = self.emissions[-1]
        assert isinstance(last, GenerateFinished)
        return last

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.emissions if isinstance(e, GenerateText))


Ask = Callable[..., Asked]


@pytest.fixture(params=[TransformersRunner, SmallRunner])
def engine(request: pytest.FixtureRequest) -> StepEngine:
    """An engine that is stepped by the test."""
    return StepEngine(FifoScheduler(max_rows=4, prefill_tokens=64), request.param)


@pytest.fixture
def ask(engine: StepEngine, model: LoadedModel) -> Ask:
    """Submit a request."""

    def submit(prompt: str, *, stop: tuple[str, ...] = (), **sampling: Any) -> Asked:
        sampling = {"max_tokens": 24, **sampling}
        request = GenerateRequest(
            model=model.info.id,
            messages=(user_message(prompt),),
            sampling=Sampling(stop=stop, **sampling),
        )
        emissions: list[Emission] = []
        asked = Asked(make_row(model, request, emissions.append), emissions)
        engine.add(asked.row)
        return asked

    return submit


def run(engine: StepEngine) -> None:
    while engine.step():
        pass


def generated(model: LoadedModel, prompt_ids: Sequence[int], n_tokens: int) -> list[int]:
    """The greedy tokens of plain transformers."""
    ids = torch.tensor([prompt_ids])
    with torch.inference_mode():
        out = model.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=n_tokens
        )
    tokens: list[int] = out[0, len(prompt_ids) :].tolist()
    return tokens


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_tokens_are_those_of_generate(
    engine: StepEngine, ask: Ask, model: LoadedModel, prompt: str
) -> None:
    asked = ask(prompt, temperature=0)
    run(engine)
    assert asked.row.tokens == generated(model, asked.row.prompt_ids, 24)


def test_neighbours_change_nothing(engine: StepEngine, ask: Ask, model: LoadedModel) -> None:
    """Requests of different lengths come and go at different times."""
    asked = []
    for n_tokens, prompt in zip((40, 5, 30, 12, 21), PROMPTS, strict=True):
        asked.append((ask(prompt, temperature=0, max_tokens=n_tokens), n_tokens))
        engine.step()
        engine.step()
    run(engine)
    for one, n_tokens in asked:
        assert one.row.tokens == generated(model, one.row.prompt_ids, n_tokens)


def test_seeded_draws_do_not_depend_on_the_batch(engine: StepEngine, ask: Ask) -> None:
    alone = ask(PROMPTS[1], temperature=1.0, seed=11)
    run(engine)
    others = [ask(prompt, temperature=1.0) for prompt in PROMPTS[2:]]
    engine.step()
    beside = ask(PROMPTS[1], temperature=1.0, seed=11)
    other_seed = ask(PROMPTS[1], temperature=1.0, seed=12)
    run(engine)
    assert beside.row.tokens == alone.row.tokens
    assert other_seed.row.tokens != alone.row.tokens
    assert all(one.finished.usage.output_tokens for one in others)


def test_text_is_the_decoded_tokens(engine: StepEngine, ask: Ask, model: LoadedModel) -> None:
    asked = ask("hi", temperature=0)
    run(engine)
    whole = model.tokenizer.decode(asked.row.tokens, clean_up_tokenization_spaces=False)
    assert asked.text == whole.rstrip("\N{REPLACEMENT CHARACTER}")


def test_max_tokens_ends_with_length(engine: StepEngine, ask: Ask) -> None:
    asked = ask("hi", temperature=0, max_tokens=3)
    run(engine)
    assert asked.finished.finish_reason == "length"
    assert asked.finished.usage.output_tokens == 3
    assert asked.finished.usage.input_tokens == len(asked.row.prompt_ids)


def test_an_answer_ends_where_the_context_does(
    engine: StepEngine, ask: Ask, model: LoadedModel
) -> None:
    asked = ask("y" * 350, temperature=0, max_tokens=1000)
    run(engine)
    used = asked.finished.usage.input_tokens + asked.finished.usage.output_tokens
    assert used == model.context_length
    assert asked.row.tokens == generated(model, asked.row.prompt_ids, asked.row.max_tokens)


def test_a_prompt_that_does_not_fit_names_both_numbers(ask: Ask, model: LoadedModel) -> None:
    with pytest.raises(InvalidRequest, match=rf"\d+ tokens .* takes {model.context_length}"):
        ask("z" * 400)


def test_an_end_token_ends_with_stop(engine: StepEngine, ask: Ask, model: LoadedModel) -> None:
    """Some seed draws the end token; nothing of it is shown."""
    asked = [ask("hi", temperature=3.0, seed=seed, max_tokens=300) for seed in range(8)]
    run(engine)
    stopped = [one for one in asked if one.finished.finish_reason == "stop"]
    assert stopped
    for one in stopped:
        assert one.row.tokens[-1] in model.eos_ids
        assert "<|im_end|>" not in one.text


def test_a_stop_string_ends_the_text_before_it(engine: StepEngine, ask: Ask) -> None:
    free = ask("hi", temperature=0)
    run(engine)
    stop = free.text[3:6]
    stopped = ask("hi", temperature=0, stop=(stop,))
    run(engine)
    assert stopped.text == free.text[: free.text.index(stop)]
    assert stopped.finished.finish_reason == "stop"
    assert stopped.finished.usage.output_tokens < free.finished.usage.output_tokens


def test_cancelling_frees_the_row_within_one_step(engine: StepEngine, ask: Ask) -> None:
    asked, other = ask("hi"), ask("hi there")
    for _ in range(4):
        engine.step()
    n_tokens = len(asked.row.tokens)
    asked.row.is_cancelled = True
    engine.step()
    assert engine.n_running == 1
    assert len(asked.row.tokens) == n_tokens
    assert asked.finished.finish_reason == "cancelled"
    run(engine)
    assert other.finished.finish_reason != "cancelled"


def test_a_waiting_request_is_cancelled_too(engine: StepEngine, ask: Ask) -> None:
    asked = [ask("hi") for _ in range(6)]
    engine.step()
    assert engine.n_waiting == 5
    asked[5].row.is_cancelled = True
    engine.step()
    assert asked[5].finished.finish_reason == "cancelled"
    engine.cancel_all()
    run(engine)
    assert engine.n_running == engine.n_waiting == 0
    assert {one.finished.finish_reason for one in asked} == {"cancelled"}


def test_a_long_prompt_does_not_hold_up_the_others(engine: StepEngine, ask: Ask) -> None:
    first = ask("hi", temperature=0)
    engine.step()
    second = ask("w" * 300, temperature=0)
    for _ in range(3):
        before = len(first.row.tokens)
        engine.step()
        assert len(first.row.tokens) == before + 1
        assert not second.row.is_read
    run(engine)
    assert second.finished.usage.output_tokens == 24


def test_a_forgotten_model_fails_its_requests(
    engine: StepEngine, ask: Ask, model: LoadedModel
) -> None:
    asked = ask("hi")
    engine.step()
    engine.forget(model)
    assert isinstance(asked.emissions[-1], EngineUnavailable)
    assert not engine.step()


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_coming_and_going_leaves_the_others_alone(
    engine: StepEngine, ask: Ask, model: LoadedModel, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def drawn(below: int) -> int:
        return int(torch.randint(below, (1,), generator=generator))

    asked = []
    for _ in range(40):
        asked.append(ask("w" * drawn(120), temperature=0, max_tokens=1 + drawn(20)))
        for _ in range(drawn(6)):
            engine.step()
        if drawn(3) == 0:
            asked[drawn(len(asked))].row.is_cancelled = True
    run(engine)
    assert engine.n_running == engine.n_waiting == 0
    reasons = [one.finished.finish_reason for one in asked]
    assert {"cancelled", "length"} <= set(reasons)
    for one, reason in zip(asked, reasons, strict=True):
        if reason != "cancelled":
            row = one.row
            assert row.tokens == generated(model, row.prompt_ids, row.max_tokens)


class FailingRunner(TransformersRunner):
    """A runner whose device fails in the first decode step."""

    def decode(self, rows: Sequence[Row]) -> torch.Tensor:
        raise RuntimeError("out of memory")


def test_a_failing_model_fails_its_requests_and_not_the_engine(
    ask: Ask, model: LoadedModel
) -> None:
    engine = StepEngine(FifoScheduler(), FailingRunner)
    emissions: list[Emission] = []
    request = GenerateRequest(model=model.info.id, messages=(user_message("hi"),))
    engine.add(make_row(model, request, emissions.append))
    run(engine)
    assert isinstance(emissions[-1], EngineUnavailable)
    assert engine.n_running == 0


class FullRunner(TransformersRunner):
    """A runner whose device has no memory left."""

    def decode(self, rows: Sequence[Row]) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")


class FullCpuRunner(TransformersRunner):
    """A runner that asks for more than any machine has."""

    def decode(self, rows: Sequence[Row]) -> torch.Tensor:
        return torch.empty(1 << 50)


class FullInterpreterRunner(TransformersRunner):
    """A runner whose interpreter finds no memory."""

    def decode(self, rows: Sequence[Row]) -> torch.Tensor:
        raise MemoryError


@pytest.mark.parametrize(
    ("runner", "memory"),
    [(FullRunner, "GPU memory"), (FullCpuRunner, "memory"), (FullInterpreterRunner, "memory")],
)
def test_too_little_memory_is_told_with_what_the_model_needs(
    model: LoadedModel, runner: type[TransformersRunner], memory: str
) -> None:
    engine = StepEngine(FifoScheduler(), runner)
    emissions: list[Emission] = []
    request = GenerateRequest(model=model.info.id, messages=(user_message("hi"),))
    engine.add(make_row(model, request, emissions.append))
    run(engine)
    assert isinstance(emissions[-1], EngineUnavailable)
    assert emissions[-1].message.startswith(f"out of {memory}: model {model.info.id!r} needs")


def test_a_decode_that_fails_while_a_prompt_is_read_fails_both_once(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(prefill_tokens=64), FailingRunner)
    answers: list[list[Emission]] = []
    for prompt, n_tokens in (("hi", 9), ("ho", 1), ("w" * 300, 1), ("and another", 9)):
        answers.append([])
        request = GenerateRequest(
            model=model.info.id,
            messages=(user_message(prompt),),
            sampling=Sampling(temperature=0, max_tokens=n_tokens),
        )
        engine.add(make_row(model, request, answers[-1].append))
        engine.step()
    run(engine)
    ends = [emissions[-1] for emissions in answers]
    assert [isinstance(end, EngineUnavailable) for end in ends[:2]] == [True, True]
    for emissions in answers:
        kinds = (EngineUnavailable, GenerateFinished)
        assert [e for e in emissions if isinstance(e, kinds)] == emissions[-1:]
    assert engine.n_running == engine.n_waiting == 0
    assert engine.n_finished == len(answers)


def test_a_row_is_removed_once(model: LoadedModel) -> None:
    scheduler = FifoScheduler()
    request = GenerateRequest(model=model.info.id, messages=(user_message("hi"),))
    row = make_row(model, request, lambda _chunk: None)
    scheduler.add(row)
    assert scheduler.remove(row)
    assert not scheduler.remove(row)


def test_times_are_filled_in(engine: StepEngine, ask: Ask) -> None:
    asked = ask("hi", temperature=0)
    run(engine)
    assert asked.finished.ttft_ms > 0
    assert asked.finished.decode_ms > 0
    assert asked.finished.queue_ms >= 0
