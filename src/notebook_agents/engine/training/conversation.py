"""Conversations as values, and their text.

`render` writes exactly what the shipped `chat_template.jinja` writes; a test compares the two. The
text is returned in pieces so that the trainer knows which of them the model has to write itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from notebook_agents.core.outlines import outline, outline_line
from notebook_agents.engine.focus import focused
from notebook_agents.engine.prompt import ChatMessage
from notebook_agents.engine.training.fixtures import Table

PYTHON = "python_executor"
SQL = "database_query"
READER = "file_reader"
LISTER = "list_files"
INSPECTOR = "inspect_variable"
TOOLS = (PYTHON, SQL, READER, LISTER, INSPECTOR)
"""The tools the model knows."""

START, END = "<|im_start|>", "<|im_end|>"
CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
RESULT_OPEN, RESULT_CLOSE = "<tool_response>", "</tool_response>"


@dataclass(frozen=True)
class Call:
    """One use of a tool."""

    name: str
    arguments: dict[str, object]

    def json(self) -> str:
        """The text of the call."""
        return json.dumps({"name": self.name, "arguments": self.arguments}, ensure_ascii=False)


@dataclass(frozen=True)
class Step:
    """A call and the text that the tool gave back."""

    call: Call
    result: str


@dataclass(frozen=True)
class Exchange:
    """One request of the user, the calls it led to and the final answer."""

    category: str
    request: str
    steps: tuple[Step, ...]
    answer: str


@dataclass(frozen=True)
class Conversation:
    """Everything one training example is made from, its fixtures included."""

    exchanges: tuple[Exchange, ...]
    tools: tuple[str, ...] = TOOLS
    frames: dict[str, Table] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    shown_files: tuple[str, ...] = ()
    """The items of the line of files, tables with their columns where these are known."""
    uses_held: bool = False

    def context(self) -> str:
        """The system message without the line of the tools, as a single request is answered with.

        A later request of the same conversation would be shown other lines: with several of them
        all lines are there.
        """
        frames = [outline(name, table.names) for name, table in self.frames.items()]
        lines = outline_line("Dataframes", frames), outline_line("Files", self.shown_files)
        text = "\n".join(filter(None, lines))
        if len(self.exchanges) != 1:
            return text
        request = ChatMessage(role="user", content=self.exchanges[0].request)
        seen: str = focused([ChatMessage(role="system", content=text), request])[0]["content"]
        return seen


def render(conversation: Conversation) -> Iterator[tuple[str, bool]]:
    """Yield pieces of text and whether the model writes them."""
    tools = "Tools: " + ", ".join(conversation.tools)
    context = conversation.context()
    yield f"{START}system\n{tools}{chr(10) + context if context else ''}{END}\n", False
    for exchange in conversation.exchanges:
        yield f"{START}user\n{exchange.request}{END}\n{START}assistant\n", False
        for step in exchange.steps:
            yield f"{CALL_OPEN}\n{step.call.json()}\n{CALL_CLOSE}{END}", True
            result = f"{RESULT_OPEN}\n{step.result}\n{RESULT_CLOSE}"
            yield f"\n{START}user\n{result}{END}\n{START}assistant\n", False
        yield f"{exchange.answer}{END}", True
        yield "\n", False


def messages(conversation: Conversation) -> list[dict[str, object]]:
    """Write a conversation as the messages that a chat template takes."""
    found: list[dict[str, object]] = []
    if conversation.context():
        found.append({"role": "system", "content": conversation.context()})
    for exchange in conversation.exchanges:
        found.append({"role": "user", "content": exchange.request})
        for step in exchange.steps:
            function = {"name": step.call.name, "arguments": step.call.arguments}
            calls = [{"id": "call_1", "type": "function", "function": function}]
            found.append({"role": "assistant", "content": "", "tool_calls": calls})
            found.append({"role": "tool", "tool_call_id": "call_1", "content": step.result})
        found.append({"role": "assistant", "content": exchange.answer})
    return found


def tool_schemas(names: tuple[str, ...]) -> list[dict[str, object]]:
    """Tools in the form a chat template takes; the bundled template reads their names only."""
    return [{"type": "function", "function": {"name": name, "parameters": {}}} for name in names]
