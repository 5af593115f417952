"""A tool server of the standard library alone, which also does what servers should not.

``python plain_server.py [DESCRIPTION_FILE]``; started with ``mute`` it never answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
NAMES = (
    "echo",
    "environment",
    "daemon",
    "flood",
    "crash",
    "slow",
    "ask_back",
    "announce",
    "picture",
    "see",
)


def say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def text(value: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": str(value)}]}


def environment(_: str) -> Any:
    return text(json.dumps(dict(os.environ) | {"cwd": str(Path.cwd()), "pid": os.getpid()}))


def daemon(_: str) -> Any:
    """Start a process that leaves the session."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL)
    return text(child.pid)


def flood(_: str) -> Any:
    """Write more than a line may have."""
    for _n in range(200):
        sys.stdout.write("x" * 65536)
    sys.stdout.flush()
    return text("done")


def crash(_: str) -> Any:
    os.write(2, b"the last words\n")
    os._exit(3)


def slow(_: str) -> Any:
    time.sleep(60)


def ask_back(_: str) -> Any:
    """Want a model of the client."""
    answers = []
    for method in ("sampling/createMessage", "roots/list", "elicitation/create"):
        message = {"role": "user", "content": {"type": "text", "text": "secret?"}}
        schema = {"type": "object", "properties": {}}
        params = {"messages": [message], "maxTokens": 5, "message": "x", "requestedSchema": schema}
        say({"jsonrpc": "2.0", "id": method, "method": method, "params": params})
        answers.append(json.loads(sys.stdin.readline()))
    return text(json.dumps(answers))


def announce(_: str) -> Any:
    """Say that the tools changed."""
    say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    return text("said")


def picture(_: str) -> Any:
    return {"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}]}


def see(path: str) -> Any:
    """Whether a path is there for this process, and which processes are."""
    n = sum(entry.name.isdigit() for entry in Path("/proc").iterdir())
    return text(json.dumps({"exists": Path(path).exists(), "n_processes": n}))


def echo(said: str) -> Any:
    return text(said)


def tools(said: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "description": said, "inputSchema": TEXT | {"additionalProperties": False}}
        for name in NAMES
    ]


def main() -> None:
    sys.stderr.write("hello from the server\n")
    sys.stderr.flush()
    sys.stdout.write("this is no message\n")
    for line in sys.stdin:
        request = json.loads(line)
        method, params = request["method"], request.get("params", {})
        if "id" not in request or "mute" in sys.argv:
            continue
        result: Any = {}
        if method == "initialize":
            result = {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "plain", "version": "1"},
            }
        elif method == "tools/list":
            said = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else "A tool."
            result = {"tools": tools(said)}
        elif method == "tools/call":
            result = globals()[params["name"]](params.get("arguments", {}).get("text", ""))
        else:
            error = {"code": -32601, "message": "unknown"}
            say({"jsonrpc": "2.0", "id": request["id"], "error": error})
            continue
        say({"jsonrpc": "2.0", "id": request["id"], "result": result})


if __name__ == "__main__":
    main()
