"""B: what must not be read is not there, or cannot be opened."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import notebook_agents
from notebook_agents.core.tools import SandboxCall

from .conftest import MakeBench, Secrets, every_backend
from .walls import Bench

ALLOWED_NAMES = {
    *("PATH", "HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "LANG", "LC_CTYPE", "PWD"),
    *("PLOTLY_RENDERER", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"),
}
SET_BY_IPYTHON = {
    *("TERM", "CLICOLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "GIT_PAGER", "MPLBACKEND"),
    *("PYDEVD_USE_FRAME_EVAL", "COLUMNS", "LINES"),
}
PROCESSES = """
pids = {{*range(1, 300), *{pids!r}, os.getpid(), os.getppid()}}
for pid in pids:
    for name in ('environ', 'cmdline'):
        try: print(open(f'/proc/{{pid}}/{{name}}', 'rb').read())
        except OSError: pass
"""
SEARCH = """
import stat, time
seen, give_up = 0, time.monotonic() + 25
for folder, folders, names in os.walk('/'):
    if folder == '/proc': folders[:] = ['self', '1', 'sys']
    for name in names:
        path = os.path.join(folder, name)
        seen += 1
        if path.startswith(({skipped!r})) or seen > 200_000 or time.monotonic() > give_up: continue
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode): continue
            with open(path, 'rb') as file:
                if {first!r} + {rest!r} in file.read(1 << 20): print(path)
        except OSError: pass
"""


@every_backend
def test_b01_b02_no_environment_or_command_line_of_a_process_shows_the_server(
    bench: Bench, secrets: Secrets
) -> None:
    shown = bench.output(PROCESSES.format(pids=(os.getpid(), os.getppid())))
    assert secrets.canary not in shown
    assert "--setenv" not in shown
    assert "pytest" not in shown.replace(str(bench.workspace), "").replace("nbt-", "")
    assert str(secrets.folder) not in shown


@every_backend
def test_b03_the_environment_is_of_literal_names(bench: Bench, secrets: Secrets) -> None:
    shown = bench.output("import json; print(json.dumps(dict(os.environ)))")
    environment = json.loads(shown)
    assert environment.keys() - SET_BY_IPYTHON <= ALLOWED_NAMES
    assert secrets.canary not in shown


@every_backend
def test_b04_files_with_secrets_cannot_be_read(bench: Bench, secrets: Secrets) -> None:
    home = Path.home()
    paths = [
        *secrets.paths,
        *("/etc/passwd", "/etc/shadow", "/etc/hosts", "/etc/group", "/etc/resolv.conf"),
        *(str(home / name) for name in (".ssh/id_ed25519", ".aws/credentials", ".bashrc")),
        *("/run/secrets/kubernetes.io/serviceaccount/token", "/var/run/docker.sock"),
        *(str(Path(__file__)), str(Path(__file__).parents[2] / "pyproject.toml")),
    ]
    assert bench.output(f"for path in {paths!r}: attempt(path, open, path)") == ""


def test_b05_no_file_that_can_be_opened_holds_a_canary(bench: Bench, secrets: Secrets) -> None:
    """The canary is put together inside, or the attempt would find itself."""
    skipped = (f"{sys.prefix}/", f"{sys.base_prefix}/", "/usr/", "/sys/")
    first, rest = secrets.canary[:9].encode(), secrets.canary[9:].encode()
    assert bench.output(SEARCH.format(skipped=skipped, first=first, rest=rest)) == ""


@every_backend
def test_b06_no_descriptor_leads_to_a_file_of_the_server(bench: Bench) -> None:
    code = f"""
allowed = ('/dev/null', '/dev/random', '/dev/urandom', 'pipe:', 'socket:', 'anon_inode:')
for fd in range(256):
    try: os.fstat(fd)
    except OSError: continue
    try: target = os.readlink(f'/proc/self/fd/{{fd}}')
    except OSError: target = ''
    if target and not target.startswith(allowed): print(fd, target)
    if target.startswith('/dev'): continue
    if target.startswith('/'): attempt(f'reopened {{fd}}', open, f'/proc/self/fd/{{fd}}', 'r+b')
attempt('log', os.pwrite, 41, b'', 0); attempt('log', os.pwrite, 44, b'', 0)
print(len({str(bench.run_dir)!r}) and '', end='')
"""
    assert bench.output(code) == ""


@every_backend
def test_b07_other_homes_workspaces_and_kernels_are_not_visible(
    bench: Bench, make_bench: MakeBench, secrets: Secrets, backend: str
) -> None:
    other = make_bench(backend, max_tasks=63)
    other.run("kept = 1")
    (other.workspace / "a.csv").write_text("theirs")
    (run,) = other.run_dir.glob("nba-*/*/")
    folders = ["/home", str(other.workspace), str(run), str(run / "s"), str(secrets.folder)]
    files = [str(other.workspace / "a.csv"), str(run / "kernel.json")]
    code = f"""
for folder in {folders!r}: attempt(folder, os.listdir, folder)
for path in {files!r}: attempt(path, open, path)
"""
    assert bench.output(code) == ""


def test_b08_b09_no_say_over_other_processes_and_no_keys(bench: Bench) -> None:
    code = f"""
for pid in ({os.getpid()}, {os.getppid()}):
    refused(('ptrace', 16, pid, 0, 0), ('process_vm_readv', pid, 0, 0, 0, 0, 0))
    attempt('memory', open, f'/proc/{{pid}}/mem', 'rb')
name = ctypes.addressof(ctypes.create_string_buffer(b'user'))
refused(('keyctl', 0, -3, 0), ('add_key', name, name, name, 4, -3))
refused(('request_key', name, name, 0, 0))
try: print(''.join(line for line in open('/proc/keys') if 'uid' not in line))
except OSError: pass
"""
    assert bench.output(code).strip() == ""


@pytest.mark.pod
def test_b10_devices_of_the_machine_are_absent_or_closed(bench: Bench) -> None:
    code = """
for name in ('mem', 'kmsg', 'sda', 'vda', 'fuse', 'kvm', 'net/tun', 'ptmx', 'tty', 'console'):
    for mode in ('rb', 'wb'):
        if name in ('ptmx', 'tty', 'console'): continue
        attempt(name, open, '/dev/' + name, mode)
"""
    assert bench.output(code) == ""


@every_backend
def test_b11_files_of_the_workspace_do_not_run_at_the_start(
    make_bench: MakeBench, backend: str
) -> None:
    bench = make_bench(backend, max_tasks=62)
    for name in ("json", "sitecustomize", "usercustomize", "ipython_config", "traitlets"):
        (bench.workspace / f"{name}.py").write_text("planted = True")
    startup = bench.workspace / ".ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "x.py").write_text("planted = True")
    (bench.workspace / "evil.pth").write_text("import os; os.planted = True")
    code = """
import json, traitlets
print(hasattr(json, 'planted'), hasattr(traitlets, 'planted'), hasattr(os, 'planted'),
      'planted' in globals())
"""
    assert bench.output(code) == "False False False False\n"


def test_b12_the_server_s_sources_are_not_there_but_the_declared_package(bench: Bench) -> None:
    package = Path(notebook_agents.__file__).parent
    server = package.parents[1] / "jupyter_extension" / "notebook_agents_server" / "app.py"
    others = [str(path) for path in (server, Path(__file__), package.parents[1] / "Makefile")]
    assert bench.output(f"for path in {others!r}: attempt(path, open, path)") == ""
    assert bench.output("import notebook_agents; print(1)") == "1\n"


def test_b04_an_ordinary_user_s_server_shows_no_secrets_either(
    ordinary_user: object, secrets: Secrets, tmp_path: Path
) -> None:
    assert callable(ordinary_user)
    folder = Path(f"/tmp/nbw-{os.getpid()}")
    folder.mkdir()
    try:
        (folder / "w").mkdir()
        (folder / "secret").write_text(secrets.canary)
        os.chown(folder / "w", 65534, 65534)
        code = f"""
for path in ('{folder}/secret', '/etc/passwd', '/etc/shadow'):
    try: print(open(path).read())
    except OSError: pass
import os
print(os.listdir('/proc') if os.path.exists('/proc/self') else '')
"""
        call = SandboxCall(
            key="c", owner_id="o", workspace=str(folder / "w"), level="medium", timeout_s=30,
            memory_bytes=512 << 20, code=code.split("import os")[0],
        )  # fmt: skip
        for backend in ("namespaces", "landlock"):
            (outcome,) = ordinary_user(call, backends=(backend,))
            assert (outcome["reason"], outcome["output"]) == ("", ""), outcome
            assert outcome["backend"] == backend
    finally:
        for path in (folder / "secret", folder / "w"):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir()
