"""A model in memory: its weights, its tokenizer, its limits.

Weights, modelling code, tokenizer and chat template are transformers'; code that comes with a
checkpoint is never run, and only safetensors weights are read.
"""

from __future__ import annotations

import inspect
import json
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    DynamicCache,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.core.models import BUNDLED_TOOLS, GenerateRequest, ModelInfo, ToolSchema
from notebook_agents.engine.cache import is_plain
from notebook_agents.engine.catalogue import Entry
from notebook_agents.engine.focus import focused
from notebook_agents.engine.gpu_memory import gpu_stats, memory_that_is_full, out_of_memory
from notebook_agents.engine.grammar import Constraint, Grammars
from notebook_agents.engine.guardrails import Turn, turn_grammar
from notebook_agents.engine.parser import CALL_CLOSE, CALL_OPEN
from notebook_agents.engine.prompt import (
    ChatMessage,
    n_exchanges,
    to_chat,
    to_tools,
    with_short_context,
    with_short_results,
    without_final_mark,
    without_oldest,
)
from notebook_agents.engine.sampling import SamplingPlan, defaults_of

_DOWNLOADED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "*.model"]
BUNDLED_PROMPT_TOKENS = 800
"""Prompt length up to which the built-in model saw conversations in its training."""
SHORTER_CHARS = (750, 375, 180)
"""Sizes of a result and of a context line that the built-in model gets when all are too long."""
BUNDLED_ANSWER_TOKENS = 700
"""The longest answer of the built-in model."""
ANSWER_TOKENS = 1024
"""Room kept for the answer before older exchanges are left out; a quarter of a small context."""
_LARGEST_CONTEXT = 1_000_000
_PATH = re.compile(r"""(?<=['"`])~?/(?!/)[^'"`]+(?=['"`])|(?<![\w/])~?/(?!/)[^\s'"`,;:)\]]+""")
"""An absolute path: in quotes with its spaces, else up to the next space."""
_LOAD_ERRORS = (
    *(OSError, ValueError, KeyError, ImportError, RuntimeError, MemoryError),
    SafetensorError,
)
"""That memory is used up is a RuntimeError of torch, or a MemoryError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model reads."""

    ids: list[int]
    n_dropped: int
    """Messages at the beginning of the conversation that did not fit."""
    chat: list[ChatMessage]
    """The messages that did."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedModel:
    """Everything needed to answer with one checkpoint."""

    info: ModelInfo
    model: Any
    """A transformers ``PreTrainedModel`` in evaluation mode."""
    tokenizer: Any
    """A transformers fast tokenizer."""
    device: torch.device
    context_length: int
    eos_ids: frozenset[int]
    hidden_ids: frozenset[int]
    """Control tokens that are no text."""
    max_tokens: int
    """Longest answer when nobody says; the context length where the checkpoint does not either."""
    defaults: SamplingPlan
    forward_options: frozenset[str]
    """The names ``model.forward`` takes."""
    has_plain_cache: bool
    """Whether its cache only ever appends keys and values."""
    grammars: Grammars
    replies: tuple[str, ...] = ()
    """What the built-in model may say before it has used a tool; anything when there are none."""

    @property
    def backend(self) -> Tokenizer:
        """The tokenizer behind the tokenizer."""
        backend: Tokenizer = self.tokenizer.backend_tokenizer
        return backend

    def prompt(self, request: GenerateRequest) -> Prompt:
        """The tokens of a request, without the oldest exchanges where all do not fit.

        InvalidRequest when even the last exchange leaves no room for an answer.
        """
        chat = to_chat(request.messages, model=self.info.id)
        if self.info.is_bundled:
            chat = focused(with_short_results(without_final_mark(chat)))
        tools = self._tools(request)
        kept, ids = self._newest(chat, tools)
        for max_chars in SHORTER_CHARS if self.info.is_bundled else ():
            if len(ids) <= self.prompt_length:
                break
            kept = with_short_context(with_short_results(kept, max_chars), max_chars)
            ids = self._ids(kept, tools)
        if len(ids) < self.context_length:
            return Prompt(ids=ids, n_dropped=len(chat) - len(kept), chat=kept)
        raise InvalidRequest(
            f"the prompt has {len(ids)} tokens and model {self.info.id!r} takes "
            f"{self.context_length} for prompt and answer together",
            field="messages",
        )

    def _newest(
        self, chat: list[ChatMessage], tools: Sequence[ToolSchema]
    ) -> tuple[list[ChatMessage], list[int]]:
        """As many exchanges as fit, and at least the last; with their tokens."""

        @cache
        def ids(n_oldest: int) -> list[int]:
            return self._ids(without_oldest(chat, n_oldest), tools)

        def fits(n_oldest: int) -> bool:
            return len(ids(n_oldest)) <= self.prompt_length

        n_before = max(n_exchanges(chat) - 1, 0)
        # To try one after the other would take seconds where there are hundreds.
        n_oldest = 0 if fits(0) else bisect_left(range(n_before), True, key=fits)
        return without_oldest(chat, n_oldest), ids(n_oldest)

    def constraint(self, request: GenerateRequest, prompt: Prompt) -> Constraint | None:
        """What the answer to a prompt may be; None where it may be anything.

        The built-in model is never free: EngineUnavailable when its grammar cannot be used.
        """
        tools = self._tools(request)
        if self.info.is_bundled:
            whole = to_chat(request.messages, model=self.info.id)
            turn = Turn(prompt.chat, tools, self.replies, whole)
            return self.grammars.guard(turn_grammar(turn, self.grammars))
        return self.grammars.constraint(self.grammars.prose_with_calls(tools)) if tools else None

    def _tools(self, request: GenerateRequest) -> Sequence[ToolSchema]:
        if not self.info.is_bundled:
            return request.tools
        known = {tool.name: tool for tool in request.tools if tool.name in BUNDLED_TOOLS}
        # In the order of its training, whatever the order of the caller; and all or none, because
        # it chooses well among all of them only. `missing_tools` answers for the others.
        return [known.get(name) or _any_call(name) for name in BUNDLED_TOOLS if known]

    def missing_tools(self, request: GenerateRequest) -> dict[str, str]:
        """What is answered, by rule, in place of a call of a tool that was not offered."""
        offered = {tool.name for tool in request.tools}
        said = next((reply for reply in self.replies if "{a}" in reply), "")
        absent = [name for name in BUNDLED_TOOLS if name not in offered and said]
        return {name: said.replace("{a}", name) for name in absent}

    def _ids(self, chat: list[ChatMessage], tools: Sequence[ToolSchema]) -> list[int]:
        if tools and "tools" not in self.info.capabilities:
            raise InvalidRequest(
                f"model {self.info.id!r} has a chat template without tools", field="tools"
            )
        try:
            text: str = self.tokenizer.apply_chat_template(
                chat, tools=to_tools(tools), add_generation_prompt=True, tokenize=False
            )
        except jinja2.TemplateError as error:
            raise InvalidRequest(
                f"the chat template of model {self.info.id!r} refuses these messages: {error}",
                field="messages",
            ) from error
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def answer_length(self, asked: int | None) -> int:
        """How many tokens an answer may have when a caller asks for ``asked``."""
        if self.info.is_bundled:
            return min(asked or BUNDLED_ANSWER_TOKENS, BUNDLED_ANSWER_TOKENS)
        return asked or self.max_tokens

    @property
    def prompt_length(self) -> int:
        """Tokens of a prompt up to which nothing is dropped."""
        if self.info.is_bundled:
            return BUNDLED_PROMPT_TOKENS
        return self.context_length - min(ANSWER_TOKENS, self.context_length // 4)


def _any_call(name: str) -> ToolSchema:
    return ToolSchema(name=name, description="", parameters={})


def load_model(entry: Entry, device: str) -> LoadedModel:
    """Read a model from disk; EngineUnavailable says why it cannot be."""
    folder = entry.folder
    if folder is None:
        raise entry.missing()
    where = choose_device(device)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        # Settles its truncation and padding now: changing them later would clash with the
        # inference thread, which decodes with the same tokenizer.
        tokenizer("")
        model = _model_class(folder).from_pretrained(
            folder,
            dtype=torch.float32 if where.type == "cpu" else "auto",
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
        model = model.to(where).eval()
        replies = _replies(folder) if entry.info.is_bundled else ()
    except _LOAD_ERRORS as error:
        if memory := memory_that_is_full(error):
            needed = entry.described().memory_bytes
            said = out_of_memory(entry.info.id, needed, gpu_stats(where), memory)
            raise EngineUnavailable(said, model=entry.info.id) from error
        raise EngineUnavailable(
            f"model {entry.info.id!r} could not be loaded: {_first_line(error)}",
            model=entry.info.id,
        ) from error
    return replace(_described(entry, model, tokenizer), replies=replies)


def download(entry: Entry) -> None:
    """Fetch a hub model's files; EngineUnavailable with the command when that is impossible."""
    import huggingface_hub

    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise entry.missing()
    try:
        huggingface_hub.snapshot_download(entry.source, allow_patterns=_DOWNLOADED)
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        raise entry.missing() from error


def choose_device(device: str) -> torch.device:
    """``auto`` is CUDA where there is one; EngineUnavailable for a device that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise EngineUnavailable(
            f"device {device!r} cannot be used: {_first_line(error)}"
        ) from error


def _model_class(folder: Path) -> Any:
    """The class that generates text; of a vision model, the whole model does."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return AutoModelForCausalLM
    return AutoModelForImageTextToText


def _described(entry: Entry, model: Any, tokenizer: Any) -> LoadedModel:
    if not tokenizer.is_fast or tokenizer.chat_template is None:
        raise EngineUnavailable(
            f"model {entry.info.id!r} needs a fast tokenizer with a chat template",
            model=entry.info.id,
        )
    context_length = _context_length(model.config, tokenizer)
    eos_ids = _eos_ids(model.generation_config, tokenizer)
    takes_tools = "tools" in tokenizer.get_chat_template(tools=[])
    info = replace(
        entry.described(),
        status="loaded",
        capabilities=("text", "tools") if takes_tools else ("text",),
        context_length=context_length,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        memory_bytes=sum(p.numel() * p.element_size() for p in model.parameters()),
    )
    return LoadedModel(
        info=info,
        model=model,
        tokenizer=tokenizer,
        device=model.device,
        context_length=context_length,
        eos_ids=eos_ids,
        hidden_ids=_hidden_ids(tokenizer),
        max_tokens=model.generation_config.max_new_tokens or context_length,
        defaults=defaults_of(model.generation_config),
        forward_options=frozenset(inspect.signature(model.forward).parameters),
        has_plain_cache=is_plain(DynamicCache(config=model.config)),
        grammars=Grammars(tokenizer, model.config.get_text_config().vocab_size, eos_ids),
    )


def _replies(folder: Path) -> tuple[str, ...]:
    file = folder / "replies.json"
    return tuple(json.loads(file.read_text("utf-8"))) if file.is_file() else ()


def _context_length(config: Any, tokenizer: Any) -> int:
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    limits = [n for n in (positions, tokenizer.model_max_length) if n and n < _LARGEST_CONTEXT]
    return int(min(limits, default=_LARGEST_CONTEXT))


def _eos_ids(generation_config: Any, tokenizer: Any) -> frozenset[int]:
    found = generation_config.eos_token_id
    if found is None:
        found = tokenizer.eos_token_id
    if found is None:
        return frozenset()
    return frozenset([found] if isinstance(found, int) else found)


def _hidden_ids(tokenizer: Any) -> frozenset[int]:
    """Special tokens, but for the tags of tool calls, which some tokenizers mark special."""
    added = tokenizer.added_tokens_decoder
    tags = (CALL_OPEN, CALL_CLOSE)
    return frozenset(i for i, token in added.items() if token.special and token.content not in tags)


def without_paths(text: str) -> str:
    """A message without the places of files on this machine."""
    return _PATH.sub("<path>", text)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return without_paths(text.splitlines()[0])
