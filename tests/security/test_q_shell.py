"""Q: command lines and code are held by walls and never by words."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.policy import Level
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.probe import probe
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.tools.analyzing import CodeUnreadable, analyze
from notebook_agents.tools.beneath import FileUnreadable
from notebook_agents.tools.registry import Registry

MIB = 1024 * 1024
EVADING = r"""
cat /proc/self/root/etc/shadow 2>&1 | head -c 200; echo
for l in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
  [ -e $l ] && $l /bin/cat ../outside.txt 2>&1 | head -c 200; done
busybox cat ../outside.txt 2>&1 | head -c 200
alias cat='cat ../outside.txt #'; shopt -s expand_aliases; eval 'cat' 2>&1 | head -c 200
env -i /bin/cat ../outside.txt 2>&1 | head -c 200
c''a$()t ../outside.txt 2>&1 | head -c 200
$(printf '\x63\x61\x74') ../outside.txt 2>&1 | head -c 200
IFS=,; x=cat,../outside.txt; $x 2>&1 | head -c 200
(echo > /dev/tcp/127.0.0.1/1) 2>&1 | head -c 200
id -u; echo walked
"""
STAYING = r"""
nohup sleep 77.1 >/dev/null 2>&1 &
setsid sleep 77.2 >/dev/null 2>&1 &
setsid nohup bash -c 'trap "" HUP TERM INT; sleep 77.3 & sleep 77.4' >/dev/null 2>&1 &
(setsid sleep 77.5 & disown -a; exit) >/dev/null 2>&1
echo 'sleep 77.6' | at now 2>/dev/null
systemd-run --user sleep 77.7 2>/dev/null
(crontab - <<< '* * * * * sleep 77.8') 2>/dev/null
screen -dm sleep 77.9 2>/dev/null
python3 -c '
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execvp("sleep", ["sleep", "77.95"])
'
echo started
"""


@pytest.fixture
def registry() -> Iterator[Registry]:
    """All tools; socket paths are short, so the folder is too."""
    if not probe(SandboxConfig(Path("unused")))[1].is_available:
        pytest.skip("level 'medium' is not available on this machine")
    folder = Path(mkdtemp(prefix="nbt-"))
    yield Registry.from_entry_points(KernelSandbox(SandboxConfig(folder)))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def tools(registry: Registry) -> AsyncIterator[Registry]:
    """The tools at level medium."""
    yield registry
    await registry.aclose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    root.mkdir()
    (tmp_path / "outside.txt").write_text("canary-outside")
    return root


async def use(tools: Registry, root: Path, name: str, /, **arguments: Any) -> ToolResult:
    return await tools.run(invocation(tools, root, name, arguments))


def invocation(
    tools: Registry, root: Path, name: str, arguments: dict[str, Any], level: Level = "medium"
) -> ToolInvocation:
    return ToolInvocation(
        call_id="call",
        name=name,
        arguments=tools.validate(name, arguments),
        owner_id="owner",
        conversation_id="conversation",
        workspace=str(root),
        level=level,
        timeout_s=20,
        memory_bytes=512 * MIB,
        on_output=lambda _text: None,
    )


def commands_running() -> list[str]:
    """Command lines of the processes of this machine that we may see."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(place.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


async def test_q02_q03_q04_a_command_line_is_held_by_walls(tools: Registry, root: Path) -> None:
    """One kernel: words are not judged, names do not matter, nothing is left running."""
    (root / "$(touch pwned)").write_text("literal")
    argument = "a;b && c $(touch pwned) `touch pwned`\nd"
    said = await use(tools, root, "shell", command=f"printf '%s' '{argument}'")
    assert said.value["output"] == argument
    said = await use(tools, root, "file_reader", path="$(touch pwned)")
    assert "literal" in said.content
    said = await use(tools, root, "list_files", pattern="`touch pwned`;*")
    assert said.error_type == ""
    assert not (root / "pwned").exists()

    walked = await use(tools, root, "shell", command=EVADING)
    assert "walked" in walked.value["output"]
    assert "canary-outside" not in walked.value["output"]
    assert "root:" not in walked.value["output"]

    started = await use(tools, root, "shell", command=STAYING)
    assert "started" in started.value["output"]
    assert [line for line in commands_running() if "sleep 77." in line] == []


async def test_q06_nothing_can_be_installed(tools: Registry, root: Path) -> None:
    import pandas

    place = Path(pandas.__file__).parent
    began = time.monotonic()
    command = (
        "python -m pip install --no-input --retries 0 --timeout 3 --disable-pip-version-check"
        f" no-such-package-at-all 2>&1; touch {place}/x; touch {place.parent}/y; echo done"
    )
    said = await use(tools, root, "shell", command=command)
    assert "done" in said.value["output"]
    assert "Successfully" not in said.value["output"]
    assert not (place / "x").exists()
    assert not (place.parent / "y").exists()
    assert time.monotonic() - began < 20


@pytest.fixture
def without_namespaces() -> Iterator[Registry]:
    """A machine where bubblewrap is missing, and Landlock is what is left."""
    folder = Path(mkdtemp(prefix="nbt-"))
    config = SandboxConfig(folder, bwrap="no-such-bwrap")
    yield Registry.from_entry_points(KernelSandbox(config), enabled=["shell", "python_executor"])
    shutil.rmtree(folder, ignore_errors=True)


async def test_q01_a_command_line_needs_namespaces_and_the_refusal_says_so(
    without_namespaces: Registry, root: Path
) -> None:
    tools = without_namespaces
    try:
        found = await use(tools, root, "shell", command="touch ran")
        evading = "import subprocess; subprocess.run(['/bin/sh', '-c', 'touch ran'])"
        tried = await use(tools, root, "python_executor", code=evading)
    except SandboxUnavailable as error:  # no Landlock either
        assert "bubblewrap" in str(error)  # noqa: PT017
    else:
        assert found.error_type == "SANDBOX_REQUIRED"
        assert "landlock" in found.content
        assert tried.error_type == "PermissionError"
    finally:
        await tools.aclose()
    assert not (root / "ran").exists()


@pytest.mark.parametrize(
    "code",
    [
        "(" * 100_000,
        "(" * 100_000 + ")" * 100_000,
        "-" * 100_000 + "1",
        "not " * 100_000 + "x",
        "x" + ".x" * 100_000,
        "x" + "[0]" * 80_000,
        "a" + "+a" * 100_000,
        "[" * 199 + "]" * 199,
        "\n".join(" " * n + "if x:" for n in range(120)),
        "f'" + "{" * 300,
        "x = " + "9" * 400_000,
        "1," * 50_000,
    ],
)
def test_q05_code_that_is_hard_to_read_ends_soon_and_is_not_run(code: str) -> None:
    began = time.monotonic()
    found = analyze("/", "", code)
    assert time.monotonic() - began < 15
    assert len(found["problems"]) <= 200


@pytest.mark.parametrize("coding", ["utf-7", "unicode_escape", "rot13", "utf-16", "idna", "none"])
def test_q05_code_in_an_encoding_that_shows_other_code_is_refused(root: Path, coding: str) -> None:
    hidden = f"# -*- coding: {coding} -*-\n# +AGEAbA-\\u000aopen('ran', 'w')\n"
    (root / "a.py").write_text(hidden)
    with pytest.raises((CodeUnreadable, FileUnreadable)):
        analyze(str(root), "a.py", "")
    (root / "big.py").write_bytes(b"x = 1\n" * (10 * MIB))
    with pytest.raises(CodeUnreadable, match="512 KiB"):
        analyze(str(root), "big.py", "")


async def test_q05_nothing_of_the_workspace_is_imported_or_run(tools: Registry, root: Path) -> None:
    """Neither the code, nor modules beside it that are called as what reads it."""
    for name in ("a", "ruff", "sitecustomize", "ast", "tokenize", "conftest", "code"):
        (root / f"{name}.py").write_text(
            "open('ran', 'w').close()\nopen('/tmp/ran', 'w').close()\n"
        )
    (root / "ruff").write_text("#!/bin/sh\ntouch ran\n")
    (root / "ruff").chmod(0o755)
    found = await use(tools, root, "code_analyzer", path="a.py")
    assert (found.error_type, found.value["counts"]["lines"]) == ("", 2)
    assert not (root / "ran").exists()
    looked = await use(tools, root, "shell", command="ls /tmp/ran ran 2>&1")
    assert "No such file" in looked.value["output"]


async def test_q07_the_server_never_runs_git_in_a_workspace(tools: Registry, root: Path) -> None:
    """What a repository's settings would run is run by nobody who only looks at files."""
    hook = root / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {root}/ran\n")
    hook.chmod(0o755)
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / ".git" / "config").write_text(
        f"[core]\n\tfsmonitor = {hook}\n\tsshCommand = {hook}\n\tpager = {hook}\n"
        f"\thooksPath = {root}\n[alias]\n\tstatus = !{hook}\n"
    )
    for name, arguments in {
        "list_files": {"pattern": "**/*"}, "file_reader": {"path": "hook.sh"},
        "file_writer": {"path": "b.txt", "content": "x"}, "search_files": {"pattern": "touch"},
    }.items():  # fmt: skip
        await use(tools, root, name, **arguments)
    assert not (root / "ran").exists()
    programs = Path(__file__).parents[2]
    for place in ("src/notebook_agents", "jupyter_extension"):
        for path in (programs / place).rglob("*.py"):
            assert re.search(r"""\[\s*['"]git['"]""", path.read_text("utf-8")) is None, path
