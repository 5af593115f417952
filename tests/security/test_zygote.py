"""Some cases of the first set behind a zygote: its forks have every wall of a cold start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest

from notebook_agents.core.folders import remove_folder
from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

MIB = 1024 * 1024
FORKED = "'pandas' in __import__('sys').modules"


class Forks:
    """Runs calls in kernels that are forked from a zygote, and asserts that they are."""

    def __init__(self, sandbox: KernelSandbox, call: SandboxCall) -> None:
        self._sandbox = sandbox
        self._call = call

    async def run(self, code: str, **changes: object) -> SandboxOutcome:
        call = replace(self._call, **changes)  # type: ignore[arg-type]
        await self._sandbox.execute(replace(call, code="1", key="first"))
        await self._sandbox.zygotes.settle()
        forked = await self._sandbox.execute(replace(call, code=FORKED))
        assert forked.output == "True\n", "it started cold"
        return await self._sandbox.execute(replace(call, code=code))


@pytest.fixture
def run_dir() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="nbz-"))
    yield folder
    remove_folder(folder)


@pytest.fixture
async def forks(run_dir: Path, tmp_path: Path) -> AsyncIterator[Forks]:
    sandbox = KernelSandbox(SandboxConfig(run_dir, zygote="on"))
    report = (await sandbox.levels())[1]
    if not report.backend.startswith("namespaces"):
        pytest.skip(f"no name spaces: {report.evidence}")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    call = SandboxCall(
        key="c", owner_id="o", workspace=str(workspace), level="medium", timeout_s=20,
        memory_bytes=512 * MIB, code="",
    )  # fmt: skip
    yield Forks(sandbox, call)
    await sandbox.aclose()


async def test_a_fork_reaches_nothing_that_its_zygote_sees(forks: Forks, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary")
    code = f"""
import glob, os, sys
for path in ({str(tmp_path / "secret")!r}, '/etc/passwd', '/etc/shadow', '/run'):
    if os.path.exists(path): print('sees', path)
for name in os.listdir('/proc/self/fd'):
    try: target = os.readlink('/proc/self/fd/' + name)
    except OSError: continue
    if target[0] == '/' and not target.startswith(('/dev/null', '/proc')): print('holds', target)
for step in ('/proc/self/root/../etc/shadow', '/proc/self/cwd/../../../../etc/shadow'):
    if os.path.exists(step): print('climbs', step)
for pid in (entry for entry in os.listdir('/proc') if entry.isdigit()):
    for name in ('environ', 'cmdline'):
        try: text = open(f'/proc/{{pid}}/{{name}}', 'rb').read()
        except OSError: continue
        if b'canary' in text or b'pytest' in text.replace({str(tmp_path).encode()!r}, b''):
            print('reads', pid, name)
    if int(pid) != os.getpid():
        for name in ('mem', 'root/etc/shadow'):
            try: os.open(f'/proc/{{pid}}/{{name}}', os.O_RDWR); print('opens', pid, name)
            except OSError: pass
"""
    assert (await forks.run(code)).output == ""


async def test_a_fork_cannot_change_the_program_it_shares_with_its_zygote(forks: Forks) -> None:
    code = """
import os, sys
def attempt(name, function, *arguments):
    try: function(*arguments); print(name)
    except OSError: pass
mode = os.stat('/proc/self/exe').st_mode & 0o7777
for path in ('/proc/self/exe', sys.executable, os.__file__):
    attempt('writes ' + path, os.open, path, os.O_WRONLY)
    attempt('changes ' + path, os.chmod, path, mode)
    attempt('cuts ' + path, os.truncate, path, 1 << 40)
    attempt('dates ' + path, os.utime, path)
"""
    assert (await forks.run(code)).output == ""


async def test_a_fork_cannot_undo_its_walls(forks: Forks) -> None:
    code = """
import ctypes, os, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
for name in ('user', 'mnt', 'pid', 'net', 'ipc', 'cgroup', 'uts'):
    fd = os.open('/proc/1/ns/' + name, os.O_RDONLY)
    if libc.setns(fd, 0) == 0: print('joins', name)
for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000):
    if libc.unshare(flag) == 0: print('unshares', hex(flag))
if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0: print('mounts')
if libc.umount2(b'/proc', 2) == 0: print('unmounts')
if libc.ptrace(16, 1, 0, 0) == 0: print('traces')
if libc.syscall(425, 8, ctypes.create_string_buffer(120)) >= 0: print('io_uring')
for family in (17, 38, 40):
    try: socket.socket(family, 5 if family == 38 else 2); print('family', family)
    except OSError: pass
for address in (('127.0.0.1', 22), ('169.254.169.254', 80), ('1.1.1.1', 53)):
    try: socket.create_connection(address, 1); print('connects', address)
    except OSError: pass
"""
    assert (await forks.run(code)).output == ""


async def test_limits_hold_for_forks(forks: Forks) -> None:
    eats = "blocks = []\nwhile True: blocks.append(bytearray(16 << 20))"
    assert (await forks.run(eats)).reason == "MEMORY_LIMIT"
    bomb = """
import os, time
n = 0
try:
    while n < 500:
        if os.fork() == 0: time.sleep(30); os._exit(0)
        n += 1
except OSError: pass
print(n < 100)
"""
    outcome = await forks.run(bomb, key="d")
    assert outcome.output == "True\n" or outcome.reason == "PROCESS_LIMIT"
    deaf = """
import signal, threading
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: pass
"""
    stopped = await forks.run(deaf, key="e", timeout_s=1)
    assert stopped.reason == "TIMEOUT"
    assert stopped.duration_ms < 5000


async def test_killing_what_watches_a_fork_ends_the_fork(forks: Forks) -> None:
    kills = "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(10)"
    outcome = await forks.run(kills)
    assert outcome.reason == "KERNEL_LOST"


async def test_a_fork_at_high_is_sealed_and_used_once(forks: Forks) -> None:
    code = """
import os, socket
for name, attempt in {'forks': os.fork, 'listens': lambda: socket.socket(),
                      'runs': lambda: os.execv('/bin/true', ['true'])}.items():
    try: attempt(); print(name)
    except OSError: pass
x = 1
"""
    outcome = await forks.run(code, level="high")
    assert (outcome.output, outcome.enforced_level, outcome.kernel_kept) == ("", "high", False)
