"""Reading one answer: token ids in, chunks out.

Three steps in a row: ids become text (a character is never cut), text becomes prose and tool calls,
prose ends at a stop string. Stop strings look at prose only; a tool call is not prose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.models import FinishReason, GenerateText, GenerateToolCall
from notebook_agents.engine.parser import StopMatcher, ToolCallParser

AnswerChunk = GenerateText | GenerateToolCall
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """Turns a stream of ids into text whose pieces are always whole characters."""

    def __init__(self, tokenizer: Tokenizer, hidden_ids: frozenset[int] = frozenset()) -> None:
        self._tokenizer = tokenizer
        self._hidden_ids = hidden_ids
        self._stream = DecodeStream(skip_special_tokens=False)
        self._ids: list[int] = []
        self._n_given = 0

    def push(self, token: int) -> str:
        """The characters that ``token`` completes; none for a hidden (control) token."""
        if token in self._hidden_ids:
            return ""
        self._ids.append(token)
        text = self._stream.step(self._tokenizer, token) or ""
        self._n_given += len(text)
        return text

    def close(self) -> str:
        """Whole characters still waiting behind an incomplete one, without the incomplete one."""
        whole = self._tokenizer.decode(self._ids, skip_special_tokens=False)
        return whole[self._n_given :].rstrip(_INCOMPLETE)


class AnswerReader:
    """Collects one answer and says what each token adds to it."""

    def __init__(
        self,
        detokenizer: Detokenizer,
        parser: ToolCallParser,
        stop: StopMatcher,
        missing_tools: Mapping[str, str] | None = None,
    ) -> None:
        self._detokenizer = detokenizer
        self._parser = parser
        self._stop = stop
        self._missing_tools = missing_tools or {}
        """What is said in place of a call, by the name of its tool."""
        self._n_tokens = 0
        self._n_calls = 0

    @property
    def is_stopped(self) -> bool:
        """Whether a stop string was met: nothing more is to be generated."""
        return self._stop.is_stopped

    def push(self, token: int) -> list[AnswerChunk]:
        """The chunks that ``token`` completes."""
        self._n_tokens += 1
        text = self._detokenizer.push(token)
        return self._chunks(self._parser.push(text)) if text else []

    def close(self, *, is_complete: bool) -> list[AnswerChunk]:
        """The chunks still held back at the end."""
        if self.is_stopped:
            return []
        chunks = self._chunks(self._parser.push(self._detokenizer.close()))
        chunks += self._chunks(self._parser.close(is_complete=is_complete))
        return chunks + self._text(self._stop.close())

    def finish_reason(self, ended: FinishReason) -> FinishReason:
        """``tool_calls`` instead of ``stop`` where the answer asks for tools."""
        return "tool_calls" if ended == "stop" and self._n_calls else ended

    def _chunks(self, pieces: Iterable[str | ToolCallPart]) -> list[AnswerChunk]:
        chunks: list[AnswerChunk] = []
        for piece in pieces:
            if isinstance(piece, ToolCallPart) and piece.name in self._missing_tools:
                chunks += self._text(self._stop.push(self._missing_tools[piece.name]))
            elif isinstance(piece, ToolCallPart):
                chunks += self._text(self._stop.close())
                chunks.append(GenerateToolCall(call=piece))
                self._n_calls += 1
                self._n_tokens = 0
            else:
                chunks += self._text(self._stop.push(piece))
            if self.is_stopped:
                break
        return chunks

    def _text(self, text: str) -> list[AnswerChunk]:
        if not text:
            return []
        n_tokens, self._n_tokens = self._n_tokens, 0
        return [GenerateText(text=text, n_tokens=n_tokens)]
