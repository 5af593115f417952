"""C: nothing outside can be written, nothing of the kernel of the machine opened up."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from notebook_agents.sandbox import proctree

from .conftest import MakeBench, every_backend
from .walls import Bench

STATUS = "print(open('/proc/self/status').read())"
NEW = {
    "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
    "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "time": 0x80,
}  # fmt: skip
NAMESPACES = f"""
for name, flag in {NEW!r}.items():
    refused(('unshare', flag), ('setns', 0, flag))
    if name != 'time': refused(('clone', flag | 17, 0, 0, 0, 0))
refused(('clone3', 0, 0))
"""
MOUNTS = """
path = ctypes.addressof(ctypes.create_string_buffer(b'/tmp'))
kind = ctypes.addressof(ctypes.create_string_buffer(b'tmpfs'))
refused(('mount', kind, path, kind, 0, 0), ('umount2', path, 2), ('pivot_root', path, path),
        ('chroot', path), ('open_tree', -100, path, 1), ('move_mount', -100, path, -100, path, 0),
        ('fsopen', kind, 0), ('mount_setattr', -100, path, 0, 0, 0))
"""
SURFACE = """
refused(*((name, 0, 0, 0, 0, 0) for name in (
    'bpf', 'perf_event_open', 'userfaultfd', 'io_uring_setup', 'kexec_load', 'init_module',
    'finit_module', 'reboot', 'swapon', 'syslog', 'name_to_handle_at', 'open_by_handle_at',
    'keyctl', 'add_key', 'request_key', 'ptrace', 'process_vm_readv', 'kcmp', 'quotactl', 'acct')))
refused(('personality', 0x0040000))
"""
PLANTED = (
    *(".git/hooks/post-checkout", ".vscode/settings.json", ".envrc", ".env.local", "evil.pth"),
    *(".jupyter/jupyter_server_config.py", ".ipython/profile_default/startup/x.py"),
    *(".venv/bin/activate", "sitecustomize.py"),
)


@every_backend
def test_c01_nothing_outside_the_workspace_can_be_written(bench: Bench) -> None:
    code = """
import sysconfig
for folder in ('/', '/usr', '/etc', '/dev', '/opt', '/proc', '/home', '/root', '/var/tmp',
               sysconfig.get_paths()['purelib'], os.path.dirname(sys.executable)):
    attempt(folder, open, os.path.join(folder, 'evil.pth'), 'w')
    attempt(folder, os.mkdir, os.path.join(folder, 'evil'))
"""
    assert bench.output(code) == ""


@every_backend
def test_c02_settings_of_the_kernel_cannot_be_opened_for_writing(bench: Bench) -> None:
    code = """
for path in ('/proc/sys/kernel/core_pattern', '/proc/sys/vm/overcommit_memory',
             '/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/randomize_va_space',
             '/proc/sysrq-trigger', '/proc/self/attr/current', '/proc/self/oom_score_adj'):
    attempt(path, os.open, path, os.O_WRONLY)
"""
    assert bench.output(code) == ""
    bench.run("os.utime('/dev/full', (1, 1)); os.utime('/dev/tty', (1, 1))")
    assert [Path(path).stat().st_mtime for path in ("/dev/full", "/dev/tty")] != [1, 1]


@every_backend
def test_c03_c04_c05_c07_c15_no_namespaces_mounts_or_attack_surface_also_after_more_filters(
    bench: Bench,
) -> None:
    assert bench.output(NAMESPACES + MOUNTS + SURFACE) == ""
    permissive = """
import struct
libc.prctl(38, 1, 0, 0, 0)
code = ctypes.create_string_buffer(struct.pack('<HBBI', 6, 0, 0, 0x7FFF0000))
program = struct.pack('HxxxxxxP', 1, ctypes.addressof(code))
kept = ctypes.create_string_buffer(program)
call('seccomp', 1, 0, ctypes.addressof(kept))
attempt('mode', call, 'prctl', 22, 0, 0, 0, 0)
"""
    assert bench.output(permissive + NAMESPACES + MOUNTS + SURFACE, key="more") == ""
    bench.wait(bench.sandbox.close("more"))


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other ways into the kernel of x86_64")
def test_c06_the_other_numbers_of_x86_64_lead_nowhere(bench: Bench) -> None:
    x32 = """
for name in ('ptrace', 'socket', 'unshare', 'getpid'):
    value = {'getpid': 39}.get(name) or number(name, machine())
    refused((value + 0x40000000, 16, 1, 0, 0))
"""
    assert bench.output(x32) == ""
    int80 = """
import mmap
def by_int80(value):
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(b'\\x53\\xb8' + value.to_bytes(4, 'little') + bytes.fromhex('31db31c931d2cd805bc3'))
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    if result >= 0: print('int 0x80', value, result)
for value in (26, 102, 310): by_int80(value)
"""
    outcome = bench.run(int80, key="int80")
    assert outcome.output == ""
    bench.wait(bench.sandbox.close("int80"))


@pytest.mark.pod
def test_c08_programs_with_privileges_give_none(bench: Bench) -> None:
    code = """
import subprocess
attempt('setuid', os.setuid, 0) if os.getuid() else None
for program in ('su', 'passwd', 'mount'):
    path = f'/usr/bin/{program}'
    try: subprocess.run([path, '--version'], capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError): pass
path = os.path.join(os.environ['TMPDIR'], 'id')
try:
    import shutil
    shutil.copyfile('/usr/bin/id', path); os.chmod(path, 0o4755)
    shown = subprocess.run([path, '-u'], capture_output=True, text=True, timeout=10).stdout
    if shown.strip() and int(shown) != os.getuid(): print('became', shown)
    status = subprocess.run(['/usr/bin/cat', '/proc/self/status'], capture_output=True, text=True)
    for line in status.stdout.splitlines():
        if line.startswith(('CapEff', 'CapPrm')) and int(line.split()[1], 16): print(line)
except OSError: pass
"""
    assert bench.output(code) == ""


@every_backend
def test_c09_no_terminal_takes_keystrokes(bench: Bench) -> None:
    code = """
for command in (0x5412, 0x541C, 0x100005412, 0x10000541C):
    for fd in (0, 1, 2): refused(('ioctl', fd, command, 0))
attempt('tty', open, '/dev/tty')
"""
    assert bench.output(code) == ""


@every_backend
def test_c10_the_server_and_its_other_processes_cannot_be_touched(bench: Bench) -> None:
    """Looked at from outside: the same number means another process inside."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        cores, nice = os.sched_getaffinity(other.pid), os.getpriority(os.PRIO_PROCESS, other.pid)
        code = f"""
for pid in ({other.pid}, {os.getpid()}):
    for signum in (0, 15, 9):
        attempt('', os.kill, pid, signum); attempt('', os.killpg, pid, signum)
        attempt('', call, 'tgkill', pid, pid, signum)
    attempt('', os.pidfd_open, pid); attempt('', os.setpriority, 0, pid, 19)
    attempt('', os.sched_setaffinity, pid, {{0}}); attempt('', call, 'prlimit64', pid, 7, 0, 0)
os.kill(-1, 9); os.kill(1, 9)
"""
        bench.run(code, key="c10")
        assert other.poll() is None
        assert os.getpriority(os.PRIO_PROCESS, other.pid) == nice
        assert os.getpriority(os.PRIO_PROCESS, os.getpid()) < 19
        assert os.sched_getaffinity(other.pid) == cores
        other.send_signal(signal.SIGKILL)
    bench.wait(bench.sandbox.close("c10"))
    assert bench.output("print(1)") == "1\n"


@every_backend
def test_c11_what_people_run_later_cannot_be_planted(writable: Bench) -> None:
    code = f"""
for path in {PLANTED!r}:
    try:
        os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
        open(path, 'w').write('evil')
    except OSError: pass
open('ordinary.txt', 'w').write('kept')
"""
    outcome = writable.run(code)
    assert outcome.reason == ""
    assert (writable.workspace / "ordinary.txt").read_text() == "kept"
    left = [path for path in PLANTED if (writable.workspace / path).is_file()]
    assert left == []
    assert any("evil.pth" in event for event in outcome.security_events)
    writable.wait(writable.sandbox.close("conversation"))
    assert [entry.name for entry in writable.workspace.iterdir()] == ["ordinary.txt"]


def test_c11_what_was_there_before_stays_as_it_is(
    make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bench = make_bench(writable_root=tmp_path_factory.getbasetemp(), max_tasks=61)
    (bench.workspace / "sitecustomize.py").write_text("mine")
    (bench.workspace / ".git").mkdir()
    (bench.workspace / ".git" / "config").write_text("mine")
    code = """
for path in ('sitecustomize.py', '.git/config', '.git/hooks'):
    attempt(path, open, path, 'w')
attempt('rename', os.rename, '.git', 'moved')
attempt('remove', os.unlink, 'sitecustomize.py')
"""
    assert bench.output(code) == ""
    assert (bench.workspace / ".git" / "config").read_text() == "mine"
    assert (bench.workspace / "sitecustomize.py").read_text() == "mine"


def test_c11_tools_that_write_refuse_protected_names_too(bench: Bench) -> None:
    for path in ("sitecustomize.py", "evil.pth", "sub/usercustomize.py", ".envrc"):
        outcome = bench.run(
            function="notebook_agents.tools.writing:write_file",
            arguments={"root": str(bench.workspace), "path": path, "content": "evil"},
            may_write=True,
        )
        assert outcome.error_name == "PathDenied", outcome
        assert not (bench.workspace / path).exists()


@every_backend
def test_c12_attributes_of_files_outside_stay_by_newer_calls_too(
    bench: Bench, tmp_path: Path
) -> None:
    """Landlock does not see them; Linux 6.13 and 6.17 have other ways than the old calls.

    Nor does it see who watches a file.
    """
    file = tmp_path / "theirs"
    file.write_text("content")
    os.setxattr(file, "user.kept", b"1")
    code = f"""
import struct
name, value = ctypes.create_string_buffer(b'user.x'), ctypes.create_string_buffer(b'1')
kept = ctypes.create_string_buffer(b'user.kept')
path = ctypes.create_string_buffer({str(file).encode()!r})
given = ctypes.create_string_buffer(struct.pack('QII', ctypes.addressof(value), 1, 0))
flags = ctypes.create_string_buffer(struct.pack('QIIII', 0x80, 0, 0, 0, 0))  # no backups
at = ctypes.addressof
for arguments in (('setxattrat', -100, at(path), 0, at(name), at(given), 16),
                  ('removexattrat', -100, at(path), 0, at(kept)),
                  ('file_setattr', -100, at(path), at(flags), 24, 0)):
    try: call(*arguments)
    except OSError: pass
attempt('watched', call, 'inotify_add_watch', libc.inotify_init1(0), at(path), 0xFFF)
"""
    before = subprocess.run(["lsattr", str(file)], capture_output=True, check=False).stdout
    assert bench.output(code) == ""
    assert os.listxattr(file) == ["user.kept"]
    assert subprocess.run(["lsattr", str(file)], capture_output=True, check=False).stdout == before


@every_backend
def test_c12_a_read_only_workspace_stays_as_it_is(bench: Bench) -> None:
    file = bench.workspace / "a.txt"
    file.write_text("content")
    before = file.stat()
    code = """
attempt('write', open, 'a.txt', 'w'); attempt('append', open, 'a.txt', 'a')
attempt('new', open, 'b.txt', 'w'); attempt('rename', os.rename, 'a.txt', 'c.txt')
attempt('truncate', os.truncate, 'a.txt', 0); attempt('unlink', os.unlink, 'a.txt')
attempt('link', os.link, 'a.txt', os.environ['TMPDIR'] + '/a')
for change in (lambda: os.chmod('a.txt', 0o777), lambda: os.utime('a.txt', (1, 1)),
               lambda: os.setxattr('a.txt', 'user.x', b'1'), lambda: os.chown('a.txt', 1, 1)):
    try: change()
    except OSError: pass
"""
    assert bench.output(code) == ""
    after = file.stat()
    assert file.read_text() == "content"
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink, after.st_uid) == (
        *(before.st_mode, before.st_mtime_ns, before.st_nlink, before.st_uid),
    )
    assert os.listxattr(file) == []


def test_c13_a_link_out_of_the_workspace_leads_nowhere(
    make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    for backend in ("auto", "landlock"):
        bench = make_bench(backend, writable_root=tmp_path_factory.getbasetemp())
        code = f"""
os.symlink({str(outside)!r}, 'data'); os.symlink('/etc', 'system')
attempt('theirs', open, 'data/x', 'w'); attempt('system', open, 'system/x', 'w')
"""
        assert bench.output(code) == ""
    assert list(outside.iterdir()) == []


def test_c14_limits_cannot_be_raised(make_bench: MakeBench) -> None:
    code = """
import resource
for name in ('RLIMIT_FSIZE', 'RLIMIT_CORE'):
    kind = getattr(resource, name)
    if resource.getrlimit(kind)[1] == resource.RLIM_INFINITY: print('none', name)
    attempt(name, resource.setrlimit, kind, (resource.RLIM_INFINITY,) * 2)
"""
    for backend in ("auto", "landlock"):
        assert make_bench(backend).output(code) == ""


@every_backend
def test_c16_the_status_of_the_kernel_is_as_promised(bench: Bench) -> None:
    bench.run("1")
    (kernel,) = [
        slot.kernel for place, slot in bench.sandbox._slots.items() if place[1] == "conversation"
    ]
    assert kernel is not None
    fields = proctree.status(kernel._provisioner.kernel_pid)
    names = ("CapEff", "CapPrm", "CapInh", "CapAmb", *(("CapBnd",) if os.geteuid() == 0 else ()))
    assert [int(fields[name], 16) for name in names] == [0] * len(names)
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    own = int(proctree.status(os.getpid())["Seccomp_filters"])
    assert int(fields["Seccomp_filters"]) == own + (2 if kernel.plan.is_alone else 1)


def letting_go(bench: Bench, path: str) -> str:
    """Code that puts links to a path in place of its kernel's sockets, and closes those."""
    return f"""
import glob, time
for name in glob.glob({str(bench.run_dir)!r} + '/nba-*/*/s/k-*'):
    try: os.unlink(name); os.symlink({path!r}, name)
    except OSError: pass
for fd in range(3, 200):
    try: is_socket = os.readlink(f'/proc/self/fd/{{fd}}').startswith('socket:')
    except OSError: continue
    if is_socket: os.close(fd)
time.sleep(2)
"""


def test_c17_a_socket_replaced_by_a_link_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    """The server never connects again: a kernel that lets go of its socket is lost."""
    import socket

    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(path)
        foreign.listen()
        foreign.setblocking(False)
        outcome = bench.run(letting_go(bench, path), key="c17", timeout_s=3)
        assert not outcome.kernel_kept
        with pytest.raises(BlockingIOError):
            foreign.accept()


def test_c18_the_connection_file_cannot_be_changed(make_bench: MakeBench) -> None:
    for backend in ("auto", "landlock"):
        bench = make_bench(backend)
        bench.run("1", key="c18")
        files = bench.run_dir.glob("nba-*/*/kernel.json")
        file = max(files, key=lambda path: path.stat().st_mtime_ns)
        code = f"""
path = {str(file)!r}
attempt('write', open, path, 'w'); attempt('remove', os.unlink, path)
attempt('replace', os.rename, path, path + '.old')
"""
        before = file.read_bytes()
        assert bench.output(code, key="c18") == ""
        assert file.read_bytes() == before
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
