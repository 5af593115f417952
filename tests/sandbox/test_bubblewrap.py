"""What code at level medium can see, write and reach: its workspace, and nothing of ours."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Bench, MakeBench

CANARY = "canary-5f1d7c2e90"
ALLOWED_NAMES = {
    *("PATH", "HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "LANG", "LC_CTYPE", "PWD"),
    *("PLOTLY_RENDERER", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"),
}
SET_BY_IPYTHON = {
    *("TERM", "CLICOLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "GIT_PAGER", "MPLBACKEND"),
    *("PYDEVD_USE_FRAME_EVAL", "COLUMNS", "LINES"),
}


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    """Secrets in the environment of the server."""
    for name in ("JUPYTER_TOKEN", "OPENAI_API_KEY", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    return CANARY


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


async def test_the_environment_holds_literal_names_only(bench: Bench, canary: str) -> None:
    outcome = await bench.run("import os; print('\\n'.join(os.environ)); str(dict(os.environ))")
    *names, values = outcome.output.strip().split("\n")
    assert set(names) - SET_BY_IPYTHON <= ALLOWED_NAMES
    assert canary not in values


async def test_no_process_environment_or_command_line_shows_the_server(
    confined: Bench, canary: str, workspace: Path
) -> None:
    code = """
import glob
for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline'):
    try: print(path, open(path, 'rb').read())
    except OSError as error: print(path, error)
"""
    outcome = await confined.run(code)
    assert "/proc/1/environ" in outcome.output
    assert canary not in outcome.output
    assert "--setenv" not in outcome.output
    assert "pytest" not in outcome.output.replace(str(workspace), "")


async def test_secrets_of_the_machine_are_not_there(
    confined: Bench, tmp_path: Path, workspace: Path
) -> None:
    planted = tmp_path / "secret.txt"
    planted.write_text(CANARY)
    paths = [
        *(str(planted), "/etc/passwd", "/etc/shadow", "/etc/hosts", "/run/secrets", "/var/run"),
        *(str(Path.home() / name) for name in (".ssh", ".aws", ".local", ".config", ".bashrc")),
        str(Path(__file__)),
        str(Path.cwd() / "pyproject.toml"),
    ]
    outcome = await confined.run(f"import os; [p for p in {paths!r} if os.path.exists(p)]")
    assert outcome.output == "[]\n"
    listing = await confined.run(f"import os; os.listdir({str(workspace.parent)!r})")
    assert listing.output == f"[{workspace.name!r}]\n"


async def test_nothing_outside_the_workspace_can_be_written(confined: Bench) -> None:
    code = """
import os, sys, sysconfig
for folder in ('/', '/usr', '/etc', '/dev', '/opt', '/proc', sysconfig.get_paths()['purelib']):
    try: open(os.path.join(folder, 'evil.pth'), 'w').close(); print('wrote', folder)
    except OSError: pass
for path in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger',
             '/proc/sys/vm/overcommit_memory'):
    try: os.close(os.open(path, os.O_WRONLY)); print('opened', path)
    except OSError: pass
"""
    assert (await confined.run(code)).output == ""


async def test_the_workspace_is_read_only_unless_below_the_writable_root(
    make_bench: MakeBench, workspace: Path, medium_works: None
) -> None:
    (workspace / "a.txt").write_text("a")
    refused = await make_bench("medium").run("print(open('a.txt').read()); open('b.txt', 'w')")
    assert refused.output == "a\n"
    assert refused.error_name == "OSError"
    writable = make_bench("medium", writable_root=workspace.parent)
    assert (await writable.run("_ = open('b.txt', 'w').write('b')")).reason == ""
    assert (workspace / "b.txt").read_text() == "b"


async def test_only_a_tool_that_was_allowed_writes_into_a_workspace_of_somebody_elses(
    make_bench: MakeBench, workspace: Path, medium_works: None
) -> None:
    bench = make_bench("medium")
    told = {"root": str(workspace), "path": "note.txt", "content": "hello"}
    function = "notebook_agents.tools.writing:write_file"
    refused = await bench.run(function=function, arguments=told)
    assert "Read-only" in refused.error_message
    allowed = await bench.run(function=function, arguments=told, may_write=True)
    assert (allowed.reason, (workspace / "note.txt").read_text()) == ("", "hello")
    after = await bench.run("open('note.txt', 'w')")
    assert after.error_name == "OSError"


async def test_hidden_and_private_entries_of_the_workspace_are_covered(
    make_bench: MakeBench, workspace: Path, medium_works: None
) -> None:
    for name in (".ssh/id", ".env", "agents-home/token_key", "data/sales.csv"):
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(CANARY)
    (workspace / ".link").symlink_to(workspace / "data")
    bench = make_bench("medium", private=(workspace / "agents-home",))
    code = """
import os
for folder, _, names in os.walk('.'):
    for name in names:
        path = os.path.join(folder, name)
        try: print(path, open(path).read())
        except OSError: print(path, 'covered')
"""
    outcome = await bench.run(code)
    assert sorted(outcome.output.split("\n")) == [
        "",
        "./.env covered",
        f"./data/sales.csv {CANARY}",
    ]


async def test_the_runtime_folders_may_lie_in_a_covered_folder_of_the_workspace(
    make_bench: MakeBench, workspace: Path, medium_works: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they do for a notebook in a home folder."""
    data = workspace / ".local" / "share" / "jupyter"
    home = data / "notebook-agents"
    home.mkdir(parents=True)
    (data / "secret").write_text(CANARY)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(data / "runtime"))
    bench = make_bench("medium", run_dir=home / "sandbox", private=(home,))
    code = f"""
import os
print(os.path.exists({str(data / "secret")!r}))
for folder in ({str(workspace / ".local")!r}, {str(data)!r}, {str(home)!r}):
    try: os.mkdir(folder + '/made'); print('made', folder)
    except OSError as error: print(error.strerror)
"""
    outcome = await bench.run(code)
    assert outcome.output.split("\n") == ["False", *["Read-only file system"] * 3, ""]


async def test_scratch_space_is_limited(make_bench: MakeBench, medium_works: None) -> None:
    bench = make_bench("medium", scratch_bytes=8 << 20)
    for path in ("/tmp/x", "/dev/shm/x", "/dev/x"):
        outcome = await bench.run(f"open({path!r}, 'wb').write(bytes(80 << 20))")
        assert outcome.error_name == "OSError", path


async def test_no_network_of_the_host_is_reachable(
    confined: Bench, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    code = f"""
import socket
for family, address in ((2, '127.0.0.1'), (10, '::1'), (2, '0.0.0.0'), (2, '169.254.169.254')):
    s = socket.socket(family); s.settimeout(2)
    try: s.connect((address, {port})); print('reached', address)
    except OSError: pass
u = socket.socket(2, socket.SOCK_DGRAM)
try: u.sendto(b'x', ('192.0.2.1', 53)); print('sent')
except OSError: pass
try: socket.getaddrinfo('example.com', 80); print('resolved')
except OSError: pass
"""
    assert (await confined.run(code)).output == ""
    with pytest.raises(BlockingIOError):
        listener.accept()


async def test_no_unix_socket_of_the_host_is_reachable(confined: Bench, tmp_path: Path) -> None:
    path, name = str(tmp_path / "s"), f"\0nba-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as by_path, socket.socket(socket.AF_UNIX) as abstract:
        by_path.bind(path)
        abstract.bind(name)
        by_path.listen()
        abstract.listen()
        code = f"""
import socket
for address in ({path!r}, {name!r}):
    try: socket.socket(socket.AF_UNIX).connect(address); print('reached')
    except OSError: pass
"""
        assert (await confined.run(code)).output == ""


async def test_the_kernel_holds_no_descriptor_of_ours(confined: Bench) -> None:
    code = """
import os
for fd in os.listdir('/proc/self/fd'):
    try: print(os.readlink(f'/proc/self/fd/{fd}'))
    except OSError: pass
"""
    kinds = set((await confined.run(code)).output.strip().split("\n"))
    files = {kind for kind in kinds if kind.startswith("/") and not kind.startswith("/proc/")}
    assert files <= {"/dev/null"}


async def test_the_kernel_is_confined_as_promised(confined: Bench) -> None:
    fields = (await confined.run("print(open('/proc/self/status').read())")).output
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert f"{name}:\t0000000000000000" in fields
    assert "NoNewPrivs:\t1" in fields
    outcome = await confined.run("import os; (os.getpid() < 10, os.listdir('/home'))")
    assert outcome.error_name == "FileNotFoundError"


async def test_the_server_cannot_be_signalled(confined: Bench) -> None:
    code = f"""
import os
for pid in ({os.getpid()}, {os.getppid()}):
    try: os.kill(pid, 0); print('there', pid)
    except OSError: pass
"""
    assert (await confined.run(code)).output == ""


async def test_limits_cannot_be_raised(confined: Bench) -> None:
    code = """
import resource
for name in ('DATA', 'FSIZE', 'CORE'):
    kind = getattr(resource, 'RLIMIT_' + name)
    try: resource.setrlimit(kind, (resource.RLIM_INFINITY,) * 2); print('raised', name)
    except (ValueError, OSError): pass
"""
    outcome = await confined.run(code)
    # A control group counts what is used; then the address space has no limit to be raised.
    is_grouped = outcome.memory_enforcement == "cgroup"
    assert outcome.output == ("raised DATA\n" if is_grouped else "")


async def test_the_data_stack_works(confined: Bench, workspace: Path) -> None:
    (workspace / "t.csv").write_text("a,b\n1,2\n3,4\n")
    outcome = await confined.run("import pandas; int(pandas.read_csv('t.csv').b.sum())")
    assert outcome.output == "6\n"
    outcome = await confined.run(
        "import duckdb; duckdb.sql(\"SELECT sum(a) FROM 't.csv'\").fetchall()"
    )
    assert outcome.output == "[(4,)]\n"


async def test_files_of_the_workspace_do_not_replace_modules_of_the_kernel(
    bench: Bench, workspace: Path
) -> None:
    def plant() -> None:
        for name in ("json", "sitecustomize", "usercustomize", "ipython_config", "traitlets"):
            (workspace / f"{name}.py").write_text("print('planted'); planted = True")
        startup = workspace / ".ipython/profile_default/startup"
        startup.mkdir(parents=True)
        (startup / "x.py").write_text("planted = True")
        (workspace / "helper.py").write_text("answer = 42")

    await asyncio.to_thread(plant)
    outcome = await bench.run("import json, helper; print(hasattr(json, 'planted')); helper.answer")
    assert outcome.output == "False\n42\n"
    assert (await bench.run("planted")).error_name == "NameError"
