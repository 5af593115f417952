"""Loading checkpoints and writing their prompts."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.core.messages import (
    ToolCallPart,
    ToolResultPart,
    assistant_message,
    system_message,
    tool_message,
    user_message,
)
from notebook_agents.core.models import BUNDLED_TOOLS, GenerateRequest, Sampling, ToolSchema
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.engine import StepEngine
from notebook_agents.engine.host import make_row
from notebook_agents.engine.model import LoadedModel, choose_device, load_model, without_paths
from notebook_agents.engine.runner import TransformersRunner
from notebook_agents.engine.scheduler import FifoScheduler, Row

TOOLS = tuple(
    ToolSchema(name=name, description="", parameters={"type": "object"})
    for name in ("python_executor", "my_tool")
)
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


def load(folder: Path) -> LoadedModel:
    return load_model(Catalogue((str(folder),)).get(str(folder)), "cpu")


def prompt_of(model: LoadedModel, text: str, tools: Sequence[ToolSchema] = ()) -> str:
    request = GenerateRequest(
        model=model.info.id, messages=(user_message(text),), tools=tuple(tools)
    )
    prompt: str = model.tokenizer.decode(model.prompt(request).ids)
    return prompt


def save(network: PreTrainedModel, tokenizer: Any, folder: Path) -> Path:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" not in name:
                parameter.normal_(0, 0.25, generator=generator)
    network.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def rows_of(model: LoadedModel, prompts: Sequence[str]) -> list[Row]:
    """Greedy answers of 20 tokens, computed side by side."""
    engine = StepEngine(FifoScheduler(), TransformersRunner)
    rows = []
    for prompt in prompts:
        sampling = Sampling(temperature=0, max_tokens=20)
        messages = (user_message(prompt),)
        request = GenerateRequest(model=model.info.id, messages=messages, sampling=sampling)
        rows.append(make_row(model, request, lambda _chunk: None))
        engine.add(rows[-1])
    while engine.step():
        pass
    return rows


def generated(model: LoadedModel, row: Row) -> list[int]:
    ids = torch.tensor([row.prompt_ids])
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        out = model.model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=20)
    tokens: list[int] = out[0, ids.shape[1] :].tolist()
    return tokens


def test_the_prompt_is_the_template_with_an_opening_for_the_answer(model: LoadedModel) -> None:
    assert prompt_of(model, "hi.", TOOLS) == (
        "<|im_start|>system\nTools: python_executor my_tool<|im_end|>\n"
        "<|im_start|>user\nhi.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_built_in_model_sees_all_its_own_tools_and_no_final_mark(model: LoadedModel) -> None:
    bundled = replace(model, info=replace(model.info, is_bundled=True))
    assert prompt_of(bundled, "what is 2+3.", TOOLS) == (
        f"<|im_start|>system\nTools: {' '.join(BUNDLED_TOOLS)}<|im_end|>\n"
        "<|im_start|>user\nwhat is 2+3<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_built_in_model_reads_its_tools_in_the_order_of_its_training(
    model: LoadedModel,
) -> None:
    bundled = replace(model, info=replace(model.info, is_bundled=True))
    by_name = tuple(replace(TOOLS[0], name=name) for name in sorted(BUNDLED_TOOLS))
    prompt = prompt_of(bundled, "hi", by_name)
    assert f"Tools: {' '.join(BUNDLED_TOOLS)}<|im_end|>" in prompt


def test_the_built_in_model_says_which_of_its_tools_it_misses(model: LoadedModel) -> None:
    info = replace(model.info, is_bundled=True)
    bundled = replace(model, info=info, replies=("I need {a}.", "No."))
    request = GenerateRequest(model=info.id, messages=(user_message("hi"),), tools=TOOLS)
    said = bundled.missing_tools(request)
    assert set(said) == set(BUNDLED_TOOLS) - {"python_executor"}
    assert said["file_reader"] == "I need file_reader."
    assert model.missing_tools(request) == {}


@pytest.fixture
def other_folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model to spoil."""
    return shutil.copytree(model_folder, tmp_path / "other")


def test_a_template_without_tools_refuses_tools(other_folder: Path) -> None:
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    (other_folder / "chat_template.jinja").write_text(template)
    model = load(other_folder)
    assert model.info.capabilities == ("text",)
    assert prompt_of(model, "hi") == "hi"
    with pytest.raises(InvalidRequest, match="without tools"):
        prompt_of(model, "hi", TOOLS)


def test_a_template_that_refuses_the_messages_is_the_callers_error(other_folder: Path) -> None:
    template = "{{ raise_exception('roles must alternate') }}"
    (other_folder / "chat_template.jinja").write_text(template)
    with pytest.raises(InvalidRequest, match="roles must alternate"):
        prompt_of(load(other_folder), "hi")


def test_a_model_without_a_chat_template_is_refused(other_folder: Path) -> None:
    (other_folder / "chat_template.jinja").unlink()
    with pytest.raises(EngineUnavailable, match="chat template"):
        load(other_folder)


def test_code_of_a_checkpoint_is_never_run(other_folder: Path, tmp_path: Path) -> None:
    config = json.loads((other_folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.C"}}
    (other_folder / "config.json").write_text(json.dumps(config))
    proof = tmp_path / "ran"
    (other_folder / "code.py").write_text(f"open({str(proof)!r}, 'w')")
    with pytest.raises(EngineUnavailable, match="could not be loaded"):
        load(other_folder)
    assert not proof.exists()


def test_damaged_weights_are_engine_unavailable(other_folder: Path) -> None:
    weights = other_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(EngineUnavailable, match="could not be loaded"):
        load(other_folder)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Can't load '/srv/my models/x': bad", "Can't load '<path>': bad"),
        ("no file /srv/models/x/config.json, sorry", "no file <path>, sorry"),
        ("[Errno 2] No such file: '~/x/config.json'", "[Errno 2] No such file: '<path>'"),
        ("see https://huggingface.co/org/name of org/name, 1/2", None),
    ],
)
def test_paths_of_this_machine_are_masked(said: str, shown: str | None) -> None:
    assert without_paths(said) == (shown or said)


def test_a_model_that_cannot_be_read_does_not_say_where_it_is(
    other_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other_folder / "config.json").write_text("{")
    monkeypatch.chdir(other_folder.parent)
    with pytest.raises(EngineUnavailable, match=r"could not be loaded.*JSON") as raised:
        load_model(Catalogue(("./other",)).get("./other"), "cpu")
    assert str(other_folder.parent) not in raised.value.message


def test_a_checkpoint_may_say_how_long_an_answer_is(other_folder: Path) -> None:
    file = other_folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"max_new_tokens": 9}))
    request = GenerateRequest(model="", messages=(user_message("hi"),))
    assert make_row(load(other_folder), request, lambda _chunk: None).max_tokens == 9


@pytest.mark.parametrize(("asked", "given"), [(None, 700), (900, 700), (50, 50)])
def test_the_built_in_model_answers_with_700_tokens_at_most(
    model: LoadedModel, asked: int | None, given: int
) -> None:
    bundled = replace(
        model, info=replace(model.info, is_bundled=True), context_length=4096, max_tokens=512
    )
    sampling = Sampling(max_tokens=asked)
    request = GenerateRequest(model="", messages=(user_message("hi"),), sampling=sampling)
    assert make_row(bundled, request, lambda _chunk: None).max_tokens == given


def test_the_built_in_model_reads_results_of_the_size_it_was_trained_on(
    model: LoadedModel,
) -> None:
    bundled = replace(model, info=replace(model.info, is_bundled=True), context_length=4096)
    call = ToolCallPart(call_id="1", name="python_executor")
    result = ToolResultPart(
        call_id="1", name="python_executor", content="\n".join(map(str, range(40)))
    )
    messages = (user_message("go"), assistant_message("", [call]), tool_message([result]))
    request = GenerateRequest(model="", messages=messages)
    assert "20\n... 19 more lines<|im_end|>" in bundled.tokenizer.decode(
        bundled.prompt(request).ids
    )
    assert "39<|im_end|>" in model.tokenizer.decode(
        replace(model, context_length=4096).prompt(request).ids
    )


def test_a_question_with_wide_tables_and_long_results_fits_the_built_in_model(
    model: LoadedModel,
) -> None:
    bundled = replace(model, info=replace(model.info, is_bundled=True), context_length=2048)
    columns = ", ".join(f"a wide column {number}" for number in range(12))
    frames = f"Dataframes: {'; '.join(f'df{number}({columns})' for number in range(8))}"
    call = ToolCallPart(call_id="1", name="file_reader")
    wide = "\n".join("a line of words and numbers " * 3 for _ in range(20))
    result = ToolResultPart(call_id="1", name="file_reader", content=wide)
    step = (assistant_message("", [call]), tool_message([result]))
    messages = [system_message(frames), user_message("read them")]
    for _ in range(4):
        prompt = bundled.prompt(GenerateRequest(model="", messages=tuple(messages)))
        assert prompt.n_dropped == 0
        text = bundled.tokenizer.decode(prompt.ids)
        assert "df0" in text
        assert "read them" in text
        assert text.count("a line of words") >= (len(messages) - 2) // 2
        messages += step
    with pytest.raises(InvalidRequest, match="takes 2048"):
        replace(model, context_length=2048).prompt(
            GenerateRequest(model="", messages=tuple(messages))
        )


def test_a_list_of_replies_comes_with_the_built_in_model(other_folder: Path) -> None:
    (other_folder / "replies.json").write_text('["No.", "I see no {w}."]')
    entry = Catalogue((str(other_folder),)).get(str(other_folder))
    assert load_model(entry, "cpu").replies == ()
    bundled = replace(entry, info=replace(entry.info, is_bundled=True))
    assert load_model(bundled, "cpu").replies == ("No.", "I see no {w}.")


def test_a_device_that_is_not_there_is_engine_unavailable() -> None:
    with pytest.raises(EngineUnavailable, match="'nonsense'"):
        choose_device("nonsense")


def test_layers_with_a_sliding_window_are_answered_like_generate(
    tokenizer: Any, tmp_path: Path
) -> None:
    config = MistralConfig(vocab_size=len(tokenizer), sliding_window=16, **SIZES)
    model = load(save(MistralForCausalLM(config), tokenizer, tmp_path / "sliding"))
    assert not model.has_plain_cache
    for row in rows_of(model, ["hi", "a longer question " * 5, "mid " * 6]):
        assert row.tokens == generated(model, row)


def test_a_vision_model_answers_text(tokenizer: Any, tmp_path: Path) -> None:
    ids = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}
    rope = {"type": "mrope", "mrope_section": [2, 3, 3]}
    text = {"vocab_size": len(tokenizer), "rope_scaling": rope, **SIZES, **ids}
    vision = {"depth": 1, "hidden_size": 32, "num_heads": 4, "out_hidden_size": 64}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision)
    network = Qwen2_5_VLForConditionalGeneration(config)
    model = load(save(network, tokenizer, tmp_path / "vision"))
    for row in rows_of(model, ["hi", "a longer question " * 5]):
        assert row.tokens == generated(model, row)


def test_the_oldest_exchanges_are_left_out_when_all_do_not_fit(model: LoadedModel) -> None:
    exchanges = [m for n in range(200) for m in (user_message(f"q{n}"), assistant_message(f"a{n}"))]
    request = GenerateRequest(model=model.info.id, messages=(*exchanges, user_message("the last")))
    prompt = model.prompt(request)
    assert prompt.n_dropped % 2 == 0
    assert 0 < prompt.n_dropped < 400
    assert len(prompt.ids) <= model.prompt_length < model.context_length
    text: str = model.tokenizer.decode(prompt.ids)
    assert "q0" not in text
    assert "the last" in text


def test_a_long_conversation_takes_little_longer_than_reading_it(model: LoadedModel) -> None:
    exchanges = [m for n in range(800) for m in (user_message(f"q{n}"), assistant_message("a"))]
    request = GenerateRequest(model=model.info.id, messages=(*exchanges, user_message("the last")))

    def seconds(model: LoadedModel) -> float:
        started = time.process_time()
        assert model.prompt(request).ids
        return time.process_time() - started

    roomy = replace(model, context_length=1_000_000)
    assert min(seconds(model) for _ in range(3)) < 8 * min(seconds(roomy) for _ in range(3))
