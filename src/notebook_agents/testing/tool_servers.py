"""Tool servers that are plain functions: no process, no network, the promises of the real host."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from notebook_agents.core.errors import InvalidRequest, ToolFailed
from notebook_agents.core.outside_tools import (
    CHANGED,
    SEPARATOR,
    OutsideResult,
    OutsideTool,
    ServerHealth,
)

if TYPE_CHECKING:
    from notebook_agents.core.tool_servers import ToolServer
    from notebook_agents.core.tools import ToolInvocation

ECHO: Mapping[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


class FakeToolServers:
    """Answers the ToolServerHost port; every server offers the same functions of one ``text``."""

    runs_here: bool = True

    def __init__(self, **functions: Callable[[str], str]) -> None:
        self.functions = functions or {"echo": lambda text: text}
        self.descriptions: dict[str, str] = {}
        """What a server says about a tool in place of its own name; a test may change it."""
        self.failure = ""
        """When set, no server can be reached."""
        self.started: Counter[tuple[str, str]] = Counter()
        """By server and user."""
        self.stopped: list[str] = []

    async def check_url(self, url: str) -> None:
        """Refuse what begins with anything but https."""
        if not url.startswith("https://"):
            raise InvalidRequest("use https://", field="url")

    def seal(self, values: Mapping[str, str]) -> str:
        """Mark the values."""
        return "sealed:" + json.dumps(dict(values))[::-1]

    def renew(self, sealed: str) -> str:
        """There is one key only."""
        return sealed

    def unseal(self, sealed: str) -> dict[str, str]:
        """Take the mark off."""
        values: dict[str, str] = json.loads(sealed.removeprefix("sealed:")[::-1])
        return values

    async def tools(self, server: ToolServer, user_id: str) -> Sequence[OutsideTool]:
        """All functions."""
        if self.failure:
            raise ToolFailed(self.failure)
        self.started[server.id, user_id] += 1
        return tuple(self._tool(server, name) for name in self.functions)

    async def call(
        self, server: ToolServer, tool: OutsideTool, invocation: ToolInvocation
    ) -> OutsideResult:
        """Call the function, unless it is described differently now."""
        if self.failure:
            raise ToolFailed(self.failure)
        if self._tool(server, tool.tool).digest != tool.digest:
            raise ToolFailed(f"{tool.name} changed", reason=CHANGED)
        text = self.functions[tool.tool](invocation.arguments["text"])
        return OutsideResult(text=text, value={"output": text})

    def validate(self, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Take exactly the names of the schema."""
        known, needed = set(schema["properties"]), set(schema["required"])
        if not needed <= set(arguments) <= known:
            raise InvalidRequest(f"expected {', '.join(sorted(known))}", field="arguments")
        return dict(arguments)

    def health(self, server: ToolServer, user_id: str) -> ServerHealth:
        """Whether it was asked."""
        n_starts = self.started[server.id, user_id]
        return ServerHealth(is_running=bool(n_starts), n_starts=n_starts, error=self.failure)

    def read(self, content: bytes) -> Any:
        """JSON only."""
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise InvalidRequest("the file is no valid JSON", field="file") from None

    def write(self, value: Any, format: Literal["json", "yaml"]) -> str:
        """JSON, which is YAML too."""
        return json.dumps(value)

    async def stop(self, server_id: str) -> None:
        """Note it."""
        self.stopped.append(server_id)

    async def forget(self, server_id: str) -> None:
        """Note it."""
        self.stopped.append(server_id)

    async def aclose(self) -> None:
        """Nothing runs."""

    def _tool(self, server: ToolServer, name: str) -> OutsideTool:
        said = self.descriptions.get(name, f"The tool {name}.")
        return OutsideTool(
            tool=name,
            name=f"{server.slug}{SEPARATOR}{name}",
            description=said,
            parameters=dict(ECHO),
            digest=said,
        )
