"""A conversation to read: who said what, and which tools were used in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.magics.markdown import brief_arguments, in_markdown, plain, safe_markdown
from notebook_agents.magics.session import TYPED
from notebook_agents.magics.transcript import ToolBlock

if TYPE_CHECKING:
    from notebook_agents.core.conversations import MessageNode
    from notebook_agents.core.transcripts import Transcript

MAX_RESULT_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message, or one use of a tool."""

    who: str
    """``You``, a model, or empty for a tool."""
    text: str
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Messages, as Markdown in a notebook and as text in a terminal."""

    title: str
    said: tuple[Said, ...]

    def __str__(self) -> str:
        lines = [plain(self.title), ""]
        for said in self.said:
            head = f"{plain(said.who)}{f'  ({said.when})' if said.when else ''}"
            lines += (
                [f"  [{plain(said.text)}]", ""] if not said.who else [head, plain(said.text), ""]
            )
        return "\n".join(lines).rstrip()

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_markdown_(self) -> str:
        parts = [f"**{in_markdown(self.title)}**"]
        for said in self.said:
            if not said.who:
                parts.append(f"<small>{in_markdown(said.text)}</small>")
                continue
            when = f" <small>{in_markdown(said.when)}</small>" if said.when else ""
            parts.append(f"**{in_markdown(said.who)}**{when}\n\n{safe_markdown(said.text)}")
        return "\n\n".join(parts)


def talk_of(transcript: Transcript) -> Talk:
    """The messages of a conversation, oldest first."""
    calls = {call.id: call for call in transcript.calls()}
    said: list[Said] = []
    for node in transcript.nodes:
        said += _words(transcript, node)
        for part in node.message.tool_calls:
            block = ToolBlock(call_id=part.call_id, name=part.name, arguments=part.arguments)
            call = calls[part.call_id]
            result = " ".join(call.content.split())[:MAX_RESULT_CHARS]
            text = f"{part.name} {brief_arguments(block)}: {call.state}, {result}"
            said.append(Said(who="", text=text.rstrip(", ")))
    return Talk(title=transcript.conversation.title or "Conversation", said=tuple(said))


def _words(transcript: Transcript, node: MessageNode) -> Iterator[Said]:
    when = node.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    run, message = transcript.runs.get(node.run_id), node.message
    if message.role == "user":
        typed = run.metadata.get(TYPED) if run is not None else None
        yield Said(who="You", text=str(typed or message.text), when=when)
    elif message.role == "assistant" and message.text.strip():
        yield Said(who=transcript.model_of(node) or "Answer", text=message.text, when=when)
