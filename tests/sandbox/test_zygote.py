"""Kernels forked from a zygote: quick, walled like a cold start, with nothing of each other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

import notebook_agents
from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.plan import LAUNCHER
from notebook_agents.sandbox.zygotes import SCRIPT, Zygotes

from .conftest import Bench, MakeBench, until

LOOK = r"""
import gc, json, os, re, resource, signal, sys

def name(fd):
    try: return re.sub(r"\d+", "N", os.readlink(f"/proc/self/fd/{fd}"))
    except OSError: return ""

FIELDS = ("Umask", "NoNewPrivs", "Seccomp", "Seccomp_filters", "CapInh", "CapPrm", "CapEff",
          "CapBnd", "CapAmb", "SigBlk", "SigIgn", "SigCgt", "Uid", "Gid", "Groups", "Threads")
lines = [line.partition(":") for line in open("/proc/self/status")]
print(json.dumps({
    "environment": dict(os.environ), "import path": sys.path, "folder": os.getcwd(),
    "arguments": sys.argv[:1], "flags": str(sys.flags), "executable": sys.executable,
    "status": {key: value.strip() for key, _, value in lines if key in FIELDS},
    "limits": [resource.getrlimit(number) for number in range(16)],
    "descriptors": sorted(name(fd) for fd in os.listdir("/proc/self/fd")),
    "mounts": sorted(" ".join(line.split()[4:6]) for line in open("/proc/self/mountinfo")
                     if "/nb" not in line), "root": sorted(os.listdir("/")),
    "handlers": [str(signal.getsignal(number))[:30] for number in (2, 13, 15, 17)],
    "names": sorted(key for key in globals() if key[0] != "_"), "nice": os.nice(0),
}))
"""
PRELOAD = """
import importlib.util, json, sys

def script(path):
    spec = importlib.util.spec_from_file_location("script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

zygote, launcher, other, ours = sys.argv[1:]
at = next((at for at, entry in enumerate(sys.path) if "site-packages" in entry), len(sys.path))
sys.path.insert(at, other)
before = list(sys.path)
cold = script(launcher).ordered(before, [ours], "/work")
script(zygote).preload([ours])
forked = script(launcher).ordered(sys.path, [ours], "/work")
origin = sys.modules["notebook_agents.confinement.filters"].__file__
print(json.dumps([cold == forked, cold, origin, json.__file__]))
"""
"""Another copy of the package is where the interpreter looks before it gets to ours."""
SERVER = """
import asyncio, sys
from pathlib import Path
from notebook_agents.core.tools import SandboxCall
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

async def main() -> None:
    sandbox = KernelSandbox(SandboxConfig(Path(sys.argv[1]), zygote="on"))
    for key in "ab":
        call = SandboxCall(key=key, owner_id="o", workspace=sys.argv[2], level="medium",
                           timeout_s=20, memory_bytes=512 << 20, code="import os; os.getppid()")
        outcome = await sandbox.execute(call)
        await sandbox.zygotes.settle()
    print("ready", outcome.output, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def grown(bench: Bench, owner: str = "owner") -> Bench:
    """The bench once its owner has a zygote."""
    await bench.run("1", key="first", owner_id=owner)
    await bench.sandbox.zygotes.settle()
    await bench.sandbox.close("first")
    return bench


@pytest.fixture
async def forking(make_bench: MakeBench, medium_works: None) -> AsyncIterator[Bench]:
    """A bench whose kernels are forked."""
    bench = await grown(make_bench("medium", zygote="on"))
    yield bench
    await bench.sandbox.aclose()


def zygotes() -> list[psutil.Process]:
    """Those of this process."""
    found = psutil.Process().children(recursive=True)
    return [process for process in found if _is_zygote(process)]


def _is_zygote(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
        inside = proctree.namespaces(process.pid).get("pid") != proctree.namespaces("self")["pid"]
    except psutil.Error:
        return False
    return len(command) > 2 and command[2].endswith("zygote.py") and not inside


async def test_a_fork_is_what_a_cold_start_is(
    make_bench: MakeBench, forking: Bench, medium_works: None
) -> None:
    cold = json.loads((await make_bench("medium").run(LOOK)).output)
    fork = json.loads((await forking.run(LOOK)).output)
    assert fork == cold
    assert (await forking.run("'pandas' in sys.modules")).output == "True\n"


def test_another_copy_of_the_package_is_not_what_forks_and_cold_starts_import(
    tmp_path: Path,
) -> None:
    package = tmp_path / "other" / "notebook_agents"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (tmp_path / "ours").symlink_to(Path(notebook_agents.__file__).parents[1])
    other, ours = str(package.parent), str(tmp_path / "ours")
    argv = [sys.executable, "-I", "-c", PRELOAD, SCRIPT, LAUNCHER, other, ours]
    told = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    is_same, cold, origin, library = json.loads(told)
    assert is_same
    assert origin.startswith(ours)
    assert cold.index(str(Path(library).parents[1])) < cold.index(ours) < cold.index(other)
    assert cold[-1] == "/work"


async def test_nothing_goes_from_one_conversation_to_another(forking: Bench) -> None:
    await forking.run(
        "import json, os, sys, builtins, numpy\n"
        "json.leaked = builtins.leaked = numpy.leaked = 1; sys.modules['leaked'] = json\n"
        "os.environ['LEAKED'] = '1'\n"
        "for folder in ('/tmp', '/dev/shm'): open(folder + '/leaked', 'w').close()",
        key="a",
    )
    look = """
import builtins, json, numpy, os, sys
print([hasattr(module, 'leaked') for module in (json, builtins, numpy)], 'leaked' in sys.modules)
print('LEAKED' in os.environ, ['leaked' in os.listdir(f) for f in ('/tmp', '/dev/shm')])
"""
    told = (await forking.run(look, key="b")).output
    assert told == "[False, False, False] False\nFalse [False, False]\n"


async def test_no_two_kernels_draw_the_same_numbers(forking: Bench) -> None:
    draw = (
        "import random, numpy, multiprocessing as m, uuid; (random.random(), numpy.random.random(),"
        " m.current_process().authkey, uuid.uuid4(), numpy.random.default_rng().random())"
    )
    drawn = [(await forking.run(draw, key=key)).output.split(", ") for key in "abc"]
    for numbers in zip(*drawn, strict=True):
        assert len(set(numbers)) == 3


async def test_two_owners_never_have_the_same_zygote(make_bench: MakeBench) -> None:
    bench = await grown(await grown(make_bench("medium", zygote="on"), "anna"), "berta")
    first, second = await asyncio.to_thread(zygotes)
    assert first.pid != second.pid
    # The seed of hashes is a zygote's own: forks of one share it, those of another do not.
    ask = "hash('canary')"
    anna = [(await bench.run(ask, owner_id="anna", key=key)).output for key in "ab"]
    berta = (await bench.run(ask, owner_id="berta", key="c")).output
    assert anna[0] == anna[1] != berta


async def test_the_end_of_a_fork_is_told_and_spares_the_others(forking: Bench) -> None:
    await forking.run("x = 1", key="sibling")
    for code, end in (
        ("import os; os._exit(7)", "exited with code 7"),
        ("import os; os.kill(os.getpid(), 11)", "ended by signal SIGSEGV"),
    ):
        outcome = await forking.run(code)
        assert (outcome.reason, end in outcome.error_message) == ("KERNEL_LOST", True)
    assert (await forking.run("x", key="sibling")).output == "1\n"


async def test_what_a_fork_started_ends_with_it(forking: Bench) -> None:
    daemon = """
import os, signal
if os.fork() == 0:
    os.setsid(); signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv("/bin/sleep", ["sleep", "765432"])
"""
    await forking.run(daemon)

    def sleepers() -> list[psutil.Process]:
        found = psutil.Process().children(recursive=True)
        return [process for process in found if process.name() == "sleep"]

    assert await until(lambda: len(sleepers()) == 1)
    (sleeper,) = await asyncio.to_thread(sleepers)
    await forking.sandbox.close("conversation")
    assert await until(lambda: not sleeper.is_running())
    assert len(await asyncio.to_thread(zygotes)) == 1


async def test_without_its_zygote_a_kernel_starts_cold_and_that_is_logged_once(
    forking: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    (zygote,) = await asyncio.to_thread(zygotes)
    zygote.send_signal(signal.SIGKILL)
    assert await until(lambda: not zygote.is_running())
    assert (await forking.run("1 + 1")).output == "2\n"
    assert (await forking.run("'pandas' in __import__('sys').modules")).output == "False\n"
    assert sum("starts cold" in message for message in caplog.messages) == 1


async def test_auto_waits_for_the_second_kernel_of_an_owner(make_bench: MakeBench) -> None:
    bench = make_bench("medium", zygote="auto", zygote_ttl_s=1)
    for key, n_expected in (("a", 0), ("b", 1)):
        await bench.run("1", key=key)
        await bench.sandbox.zygotes.settle()
        assert len(await asyncio.to_thread(zygotes)) == n_expected
    kept = (await bench.run("id(open)", key="b")).output
    assert await until(lambda: not zygotes())  # nobody used it for a second
    assert (await bench.run("id(open)", key="b")).output == kept


async def test_no_more_zygotes_than_allowed(make_bench: MakeBench) -> None:
    bench = make_bench("medium", zygote="on", max_zygotes=1)
    await grown(bench, "anna")
    await grown(bench, "berta")
    assert await until(lambda: len(zygotes()) == 1)


async def test_a_zygote_that_cannot_start_leaves_no_descriptor() -> None:
    before = psutil.Process().num_fds()
    none = Zygotes(SandboxConfig(Path("unused"), bwrap="no-such-bwrap", zygote="on"))
    assert none.take("anna") is None
    await none.settle()
    assert psutil.Process().num_fds() == before


async def test_a_server_without_rights_to_name_spaces_starts_kernels_cold(
    make_bench: MakeBench, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    nsenter = tmp_path / "nsenter"
    nsenter.write_text("#!/bin/sh\necho nsenter: refused >&2; exit 1\n")
    nsenter.chmod(0o755)
    bench = await grown(make_bench("medium", zygote="on"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert (await bench.run("1 + 1")).output == "2\n"
    assert any("nsenter: refused" in message for message in caplog.messages)


@pytest.mark.usefixtures("medium_works")
async def test_kill_9_of_the_server_ends_zygote_and_forks(run_dir: Path, workspace: Path) -> None:
    argv = [sys.executable, "-c", SERVER, str(run_dir), str(workspace)]
    server = await asyncio.to_thread(subprocess.Popen, argv, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        line = await asyncio.to_thread(server.stdout.readline)
        assert line != b"ready 1\n", "the second kernel was not forked"
        started = await asyncio.to_thread(psutil.Process(server.pid).children, recursive=True)
        assert len(started) > 8
    finally:
        server.send_signal(signal.SIGKILL)
        await asyncio.to_thread(server.communicate)
    assert await until(lambda: not [process for process in started if process.is_running()])
