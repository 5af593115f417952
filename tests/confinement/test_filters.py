"""What a filter refuses in a process of its own, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from notebook_agents.confinement.errors import Unprotected
from notebook_agents.confinement.filters import assemble
from notebook_agents.confinement.lockdown import EARLY, late
from notebook_agents.confinement.syscalls import AUDIT_ARCHITECTURES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="filters of system calls are Linux")

ASK = """
import ctypes, errno, mmap, os, resource, signal, socket, sys, threading
from notebook_agents.confinement.filters import assemble, install
from notebook_agents.confinement.lockdown import EARLY, late
from notebook_agents.confinement.syscalls import machine, number
UNSHARE, PERSONALITY, IOCTL = (number(c, machine()) for c in ('unshare', 'personality', 'ioctl'))
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments))
    return errno.errorcode[ctypes.get_errno()] if result == -1 else 'allowed'
def attempt(work):
    try: work()
    except OSError as error: return errno.errorcode[error.errno]
    return 'allowed'
"""


def ask(code: str) -> list[str]:
    """The lines that code prints in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", ASK + code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("machine", AUDIT_ARCHITECTURES)
def test_both_sets_of_rules_fit_both_machines(machine: str) -> None:
    for rules in (EARLY, late(1)):
        program = assemble(rules, machine)
        assert len(program) % 8 == 0
        assert len(program) // 8 < 1000


def test_a_machine_without_a_list_is_refused_by_name() -> None:
    with pytest.raises(Unprotected, match="riscv64"):
        assemble(EARLY, "riscv64")


def test_the_early_rules_refuse_the_attack_surface_and_keep_programs_running() -> None:
    answers = ask("""
install(assemble(EARLY))
print(call(UNSHARE, 0x10000000))
print(attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)))
print(attempt(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)))
print(attempt(lambda: socket.socket(socket.AF_INET).close()))
print(attempt(lambda: os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)))
import fcntl
print(attempt(lambda: fcntl.ioctl(0, 0x5412, b'x')))
print(call(IOCTL, 0, 0x100005412, 0))
print(call(PERSONALITY, 0x0040000), call(PERSONALITY, 0xffffffff))
""")
    assert answers == [
        *("EPERM", "EAFNOSUPPORT", "EAFNOSUPPORT", "allowed", "allowed", "EPERM", "EPERM"),
        *("EPERM", "allowed"),
    ]


def test_the_late_rules_leave_one_process_with_threads_and_counted_memory() -> None:
    answers = ask("""
server = socket.socketpair()
install(assemble(EARLY)); install(assemble(late()), all_threads=True)
print(attempt(os.fork))
print(attempt(lambda: os.posix_spawn('/bin/true', ['true'], {})))
print(attempt(lambda: socket.socket(socket.AF_UNIX)))
print(attempt(lambda: os.memfd_create('x')))
print(attempt(lambda: mmap.mmap(-1, 4096)))
print(attempt(lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)))
print(attempt(lambda: os.kill(os.getppid(), 0)), attempt(lambda: os.kill(os.getpid(), 0)))
print(attempt(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU)))
print(attempt(lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 1)))
thread = threading.Thread(target=lambda: print(attempt(os.fork))); thread.start(); thread.join()
print(attempt(lambda: socket.socketpair()))
""")
    assert answers == [
        *("EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "allowed", "EPERM", "allowed"),
        *("EPERM", "EPERM", "EPERM", "allowed"),
    ]


def test_changes_of_attributes_pretend_and_change_nothing(tmp_path: object) -> None:
    answers = ask(f"""
path = {str(tmp_path)!r} + '/x'
open(path, 'w').close(); before = os.stat(path).st_mode
install(assemble(late()))
print(attempt(lambda: os.chmod(path, 0o777)), os.stat(path).st_mode == before)
""")
    assert answers == ["allowed", "True"]


def test_a_second_filter_cannot_take_the_first_back() -> None:
    code = "install(assemble(EARLY)); install(assemble(())); print(call(UNSHARE, 0x10000000))"
    assert ask(code) == ["EPERM"]
