"""What a model may write next: prose is free, a tool call follows the schema of its tool.

A grammar is a text in llguidance's dialect of Lark, compiled for one tokenizer; a `Constraint`
walks it along one answer. What cannot be compiled is logged and left free: no request fails for
the schema of a tool. Only a guard is never left: where it cannot be used there is no answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any, Protocol

import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from torch import Tensor

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.models import ToolSchema
from notebook_agents.engine.parser import CALL_CLOSE, CALL_OPEN

N_KEPT = 32
"""Compiled grammars that are kept for the next request with the same tools, per model."""
_JSON_FORM = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allow_general_unicode_escapes": True,
}
"""JSON as ``json.dumps`` writes it, which is what models that call tools this way have seen."""
UNGUARDED = (
    "the answer was ended: the rules that the model is held to could not be followed in this "
    "conversation; ask in a new one or choose another model"
)
"""What is said where a guard cannot be used."""
_BITS = torch.arange(8, dtype=torch.uint8)
_LIMITS = LLParserLimits(verbose_errors=False)
"""The usual ones; an error does not quote the conversation."""

_log = logging.getLogger(__name__)


class Constraint(Protocol):
    """Which tokens one answer may go on with."""

    def accept(self, token: int) -> bool:
        """Go on with a token; False, and nothing changes, when it must not come next."""
        ...

    def mask(self) -> Tensor:
        """Which tokens may come next: bool ``[vocab]`` on the CPU."""
        ...


class GrammarConstraint:
    """A Constraint by an llguidance grammar.

    When the matcher hits one of its limits the rest of the answer is free; that of a guard is not
    written, and EngineUnavailable says so.
    """

    def __init__(
        self,
        matcher: LLMatcher,
        n_vocab: int,
        eos_ids: frozenset[int],
        *,
        is_guard: bool = False,
    ) -> None:
        self._matcher = matcher
        self._n_vocab = n_vocab
        self._eos_ids = eos_ids
        self._is_guard = is_guard
        self._is_lost = False

    def accept(self, token: int) -> bool:
        """Ask the matcher, or nobody any more."""
        if not self._is_lost and self._matcher.try_consume_tokens([token]):
            return True
        if self._has_failed():
            return True
        return self._matcher.is_stopped() and token in self._eos_ids

    def mask(self) -> Tensor:
        """The bits of the matcher, one by one."""
        packed = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        if self._has_failed():
            return torch.ones(self._n_vocab, dtype=torch.bool)
        return (packed[:, None] >> _BITS & 1).flatten()[: self._n_vocab].bool()

    def _has_failed(self) -> bool:
        if not self._is_lost and self._matcher.is_error():
            self._is_lost = True
            rest = "not written" if self._is_guard else "free"
            reason = _reason(self._matcher.get_error())
            _log.warning("the rest of an answer is %s: %s", rest, reason)
        if self._is_lost and self._is_guard:
            raise EngineUnavailable(UNGUARDED)
        return self._is_lost


class Grammars:
    """Writes and compiles the grammars of one tokenizer."""

    def __init__(self, tokenizer: Any, n_vocab: int, eos_ids: Iterable[int]) -> None:
        self._tokenizer = tokenizer
        self._n_vocab = n_vocab
        self._eos_ids = frozenset(eos_ids)
        self._kept = lru_cache(N_KEPT)(self._compiled)
        self._schema = lru_cache(8 * N_KEPT)(self._checked)

    def constraint(self, grammar: str) -> Constraint | None:
        """The beginning of a grammar, or None where it cannot be used.

        Other requests will probably come with the same one.
        """
        matcher = self._kept(grammar)
        if matcher is None:
            return None
        return GrammarConstraint(matcher.deep_copy(), self._n_vocab, self._eos_ids)

    def guard(self, grammar: str) -> Constraint:
        """The beginning of a grammar of one request that nothing may leave.

        EngineUnavailable where it cannot be used.
        """
        matcher = self._compiled(grammar)
        if matcher is None:
            raise EngineUnavailable(UNGUARDED)
        return GrammarConstraint(matcher, self._n_vocab, self._eos_ids, is_guard=True)

    def prose_with_calls(self, tools: Sequence[ToolSchema]) -> str:
        """The grammar of an answer that may call these tools wherever it likes."""
        others, opening = self._other_control_tokens, self._token(CALL_OPEN)
        token = "" if opening is None else f" | <[{opening}]>"
        return "\n".join(
            (
                "start: (opening body closing)* prose",
                f"prose: (TEXT{f' | <[{others}]>' if others else ''})*",
                f"opening: prose (written_opening{token})",
                f"written_opening[lazy]: /(.|\\n)*{CALL_OPEN}/",
                f"closing: {self.tag(CALL_CLOSE)}",
                r"TEXT: /(.|\n)+/",
                f"body: {' | '.join(self._call(tool) for tool in tools)}",
            )
        )

    def tag(self, tag: str) -> str:
        """A tag of tool calls: its own token where there is one, or its characters."""
        token = self._token(tag)
        return literal(tag) if token is None else f"(<[{token}]> | {literal(tag)})"

    def json(self, schema: dict[str, Any]) -> str:
        """JSON by a schema; by its ``type`` alone where the schema cannot be followed."""
        return self._schema(json.dumps(schema))

    def _call(self, tool: ToolSchema) -> str:
        opening = f'\n{{"name": {json.dumps(tool.name)}, "arguments": '
        arguments = self.json({"type": "object", **tool.parameters})
        return f"{literal(opening)} {arguments} {literal('}' + chr(10))}"

    def _checked(self, schema: str) -> str:
        value = json.loads(schema)
        grammar = _json(value)
        is_error, messages = LLMatcher.validate_grammar_with_warnings(f"start: {grammar}")
        if not is_error:
            return grammar
        _log.warning("a schema of a tool is not enforced: %s", " ".join(messages[0].split()))
        return _json({"type": value["type"]} if isinstance(value.get("type"), str) else {})

    def _compiled(self, grammar: str) -> LLMatcher | None:
        if self._backend is None:
            return None
        text = f"%llguidance {{}}\n{grammar}"
        matcher = LLMatcher(self._backend, text, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            _log.warning("a grammar cannot be used: %s", _reason(matcher.get_error()))
            return None
        return matcher

    @cached_property
    def _backend(self) -> LLTokenizer | None:
        """The tokenizer as llguidance sees it; takes about a second for a large vocabulary."""
        try:
            return LLTokenizer(
                self._tokenizer.backend_tokenizer.to_str(),
                n_vocab=self._n_vocab,
                eos_token=sorted(self._eos_ids),
            )
        except ValueError as error:
            _log.warning("no grammar can be used with this tokenizer: %s", error)
            return None

    @cached_property
    def _other_control_tokens(self) -> str:
        """Ids of added tokens in angle brackets, which llguidance takes for control tokens."""
        known = self._eos_ids | {self._token(CALL_OPEN), self._token(CALL_CLOSE)}
        return ",".join(
            str(token)
            for token, added in sorted(self._tokenizer.added_tokens_decoder.items())
            if token not in known
            and (added.special or (added.content.startswith("<") and added.content.endswith(">")))
        )

    def _token(self, tag: str) -> int | None:
        token: int | None = self._tokenizer.get_added_vocab().get(tag)
        return token


def literal(text: str) -> str:
    """Exactly this text."""
    return json.dumps(text, ensure_ascii=False)


def _json(schema: dict[str, Any]) -> str:
    return f"%json {json.dumps({**schema, 'x-guidance': _JSON_FORM})}"


def _reason(error: str) -> str:
    """What went wrong, without the lines of the grammar that follow: they hold what users said."""
    return error.split("\n", 1)[0]
