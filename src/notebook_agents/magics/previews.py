"""``--show-context``: exactly what a prompt would send, and how much that is; nothing is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.messages import AttachmentPart, Message, ToolResultPart
from notebook_agents.magics.errors import agent_error
from notebook_agents.magics.lending import TOOLS, frames_in_question
from notebook_agents.magics.prompt_content import what_is_asked
from notebook_agents.magics.transcript import Transcript
from notebook_agents.magics.waiting import Waits, until
from notebook_agents.magics.wishes import whole_wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_agents.core.models import ToolSchema
    from notebook_agents.core.run_prompts import RunPreview
    from notebook_agents.magics.options import Prompt
    from notebook_agents.magics.session import Session

ESTIMATED = "about "
FENCE = "`" * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would be sent: a text in a terminal, Markdown in a notebook, values for Python."""

    model: str
    system: str
    """The instructions, with the state capsule and the files."""
    messages: tuple[Message, ...]
    """The conversation, without the instructions; the question comes last."""
    tools: tuple[ToolSchema, ...]
    n_tokens: int
    is_counted: bool
    """Whether the model's own tokenizer counted; else the number is a guess."""
    n_dropped: int = 0
    """Messages at the beginning that do not fit the model."""
    notes: tuple[str, ...] = ()
    call: str = ""
    """The tool that is called first, because the prompt says so."""

    @property
    def prompt(self) -> str:
        """The question, with variables in it."""
        return self.messages[-1].text if self.messages else ""

    @property
    def summary(self) -> str:
        """One line: how much would be sent to whom."""
        about = "" if self.is_counted else ESTIMATED
        earlier = len(self.messages) - 1
        return (
            f"{self.model} would be sent {about}{self.n_tokens:,} tokens: {earlier} earlier "
            f"messages, {len(self.tools)} tools. Nothing was sent."
        )

    def __str__(self) -> str:
        return "\n\n".join(
            f"— {title} —\n{text}" if title else text for title, text in self._parts()
        )

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_markdown_(self) -> str:
        shown = []
        for title, text in self._parts():
            shown.append(f"**{title}**\n\n{FENCE}text\n{text}\n{FENCE}" if title else text)
        return "\n\n".join(shown)

    def _parts(self) -> Iterator[tuple[str, str]]:
        yield "", self.summary
        for note in self._all_notes():
            yield "", note
        if self.system:
            yield "Instructions", self.system
        for message in self.messages[:-1]:
            yield message.role.capitalize(), _shown(message)
        for message in self.messages[-1:]:
            yield "Prompt", _shown(message)
        if self.tools:
            yield "Tools", "\n".join(_tool(tool) for tool in self.tools)

    def _all_notes(self) -> Iterator[str]:
        yield from self.notes
        if self.call:
            yield f"First the tool {self.call} is called, and the model is told its result."
        if self.n_dropped:
            yield f"The first {self.n_dropped} messages do not fit the model and are left out."
        if not self.is_counted:
            yield "The tokens are a guess: only a model that is loaded counts its own."


def preview_of(session: Session, request: Prompt) -> Waits[Preview]:
    """What a prompt would send; AgentError when it could not be sent."""
    try:
        identity = yield from session.identify()
        transcript = Transcript(model=request.options.model or session.model)
        asked = yield from what_is_asked(request, session, transcript)
        wish = yield from whole_wish(request, asked, session, identity)
        if session.has_moved and identity.engaged is None:
            wish = replace(wish, conversation_id="")
        if not wish.conversation_id:
            wish = replace(wish, workspace=str(Path.cwd()))
        actor = identity.actor
        found = yield from until(session.host.submit(lambda core: core.runs.preview(actor, wish)))
    except NotebookAgentsError as error:
        raise agent_error(error) from error
    return _preview(found, [*transcript.notes, *_copies(session, request)])


def _copies(session: Session, request: Prompt) -> list[str]:
    """What would go to the tools beside the prompt."""
    tools = request.options.tools
    if tools is not None and TOOLS.isdisjoint(tools):
        return []
    frames = frames_in_question(request.text, session.namespace, (), session.visibility)
    return [f"Copies for the tools' sandbox: {', '.join(frames)}"] if frames else []


def _preview(found: RunPreview, notes: list[str]) -> Preview:
    messages = found.request.messages
    n_system = int(bool(messages) and messages[0].role == "system")
    return Preview(
        model=found.request.model,
        system=messages[0].text if n_system else "",
        messages=messages[n_system:],
        tools=found.request.tools,
        n_tokens=found.n_tokens,
        is_counted=found.is_counted,
        n_dropped=found.n_dropped,
        notes=tuple(notes),
        call=found.call.name if found.call else "",
    )


def _shown(message: Message) -> str:
    texts = [message.text]
    for part in message.parts:
        if isinstance(part, AttachmentPart):
            size = f"{len(part.content):,} characters"
            is_read = part.kind in {"text", "code"}
            texts.append(part.content if is_read else f"[{part.kind} {part.name}, {size}]")
        elif isinstance(part, ToolResultPart):
            texts.append(f"[result of {part.name}] {part.content}")
    texts += [f"[calls {call.name} {json.dumps(call.arguments)}]" for call in message.tool_calls]
    return "\n".join(filter(None, texts))


def _tool(tool: ToolSchema) -> str:
    takes = ", ".join(tool.parameters.get("properties", {}))
    return f"{tool.name}({takes}): {tool.description.partition(chr(10))[0]}"
