"""Fixtures: a tiny random Qwen3 with a byte-level tokenizer, and a worker that serves it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.model import LoadedModel, load_model
from notebook_agents.engine.remote import RemoteEngine

torch.set_num_threads(1)

CONTEXT_LENGTH = 384
CONTROL_TOKENS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
TAGS = ("<tool_call>", "</tool_call>")
TEMPLATE = """\
{%- if tools %}<|im_start|>system
Tools:{% for tool in tools %} {{ tool.function.name }}{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def make_tokenizer(tags: str = "added") -> PreTrainedTokenizerFast:
    """One token per byte: every character beyond ASCII is split.

    The tags of tool calls are ``added`` tokens, ``special`` ones, or ``written`` byte by byte.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True) for token in CONTROL_TOKENS])
    if tags != "written":
        backend.add_tokens([AddedToken(tag, special=tags == "special") for tag in TAGS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(n_tokens: int, seed: int = 7) -> Qwen3ForCausalLM:
    """Random weights, large enough to make logits that differ."""
    config = Qwen3Config(
        vocab_size=n_tokens,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=CONTEXT_LENGTH,
        tie_word_embeddings=True,
    )
    model = Qwen3ForCausalLM(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(0, 0.25, generator=generator)
    model.generation_config.eos_token_id = n_tokens - len(CONTROL_TOKENS) - len(TAGS) + 1
    return model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random model on disk."""
    folder = tmp_path_factory.mktemp("models") / "random"
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model(model_folder: Path) -> LoadedModel:
    """The random model in this process."""
    name = str(model_folder)
    return load_model(Catalogue((name,)).get(name), "cpu")


@pytest.fixture(scope="session")
def worker_url(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A worker of the whole session, by the URL of its socket."""
    config = EngineConfig(
        run_dir=tmp_path_factory.mktemp("run"), models=(str(model_folder),), threads=1
    )
    urls: list[str] = []
    is_up, is_over = threading.Event(), threading.Event()

    async def serve() -> None:
        engine = RemoteEngine(config)
        try:
            await engine.load(str(model_folder))
            assert engine.socket is not None
            urls.append(f"unix:{engine.socket}")
        finally:
            is_up.set()
            await asyncio.to_thread(is_over.wait)
            await engine.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_HUB_OFFLINE", "1")
            thread.start()
            assert is_up.wait(100)
        yield urls[0]
    finally:
        is_over.set()
        thread.join(30)


@pytest.fixture
async def engine(worker_url: str, tmp_path: Path) -> AsyncIterator[RemoteEngine]:
    """A client of the session's worker."""
    engine = RemoteEngine(EngineConfig(run_dir=tmp_path, url=worker_url))
    yield engine
    await engine.aclose()


@pytest.fixture(scope="session")
def new_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """Makes byte-level tokenizers, see `make_tokenizer`."""
    return make_tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """The byte-level tokenizer."""
    return make_tokenizer()
