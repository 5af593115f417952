"""The process that tool kernels are forked from, so that nobody waits for imports.

Run as a script with ``-I``. It imports what kernels need, stays single-threaded, and never runs
anybody's code, opens a connection or reads a request: for each kernel it only forks. The child
reads the request, joins a sandbox that bubblewrap made for this kernel alone - all of its name
spaces, so also its view of the files - gives up what the program of a cold start does not have
either, and goes on as the launcher. A supervisor below the sandbox's first process waits for it and
hands its exit code on.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import gc
import importlib
import importlib.util
import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

PRELOADED = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.heartbeat"),
    *("IPython.core.completer", "comm", "zmq", "tornado.ioloop", "jedi"),
    *("numpy", "numpy.random", "pandas", "duckdb"),
)
REQUEST_BYTES = 64 * 1024
BEGIN_SECONDS = 5.0
READY = b"ready"
NS_GET_USERNS = 0xB701
NAMESPACES = {"cgroup": 0x2000000, "ipc": 0x8000000, "uts": 0x4000000, "net": 0x40000000}
NAMESPACES |= {"pid": 0x20000000, "mnt": 0x20000}
"""The view of the files comes last: the names of the others are in the view before it."""
CLONE_NEWUSER = 0x10000000
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
CAPABILITY_VERSION_3 = 0x20080522
MAX_CAPABILITIES = 64
LIBC = ctypes.CDLL(None, use_errno=True)


def main(argv: list[str]) -> None:
    """Import, say so, then fork once for each socket that the server hands over."""
    server = socket.socket(fileno=int(argv[1]))
    settings = json.loads(argv[2])
    preload(settings["import_paths"])
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("an import started a thread, so that forks would not be safe")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped without being asked for
    gc.collect()
    gc.freeze()
    server.send(READY)
    while control := receive_socket(server):
        if os.fork() == 0:
            server.close()
            run_child(control, settings["launcher"])
        control.close()


def preload(import_paths: list[str]) -> None:
    """Import what kernels need; what is not installed is left out."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # as in the launcher
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    found = list(sys.path)
    # The interpreter may find another copy of us, which kernels do not even see: ours comes first.
    sys.path = [*import_paths, *found]
    for name in ("notebook_agents.confinement.filters", "notebook_agents.confinement.lockdown"):
        importlib.import_module(name)
    sys.path = found
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def receive_socket(server: socket.socket) -> socket.socket | None:
    """The socket of the next request, unread; None when the server is gone."""
    fds = array.array("i")
    data, ancillary, _, _ = server.recvmsg(1, socket.CMSG_SPACE(fds.itemsize))
    for _level, _kind, content in ancillary:
        fds.frombytes(content)
    return socket.socket(fileno=fds[0]) if data and fds else None


def run_child(control: socket.socket, launcher: str) -> None:
    """Become a kernel, or say on its standard error why not; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        request = json.loads(control.recv(REQUEST_BYTES))
        code = enter(request, control, launcher)
    except BaseException:  # noqa: BLE001 - whatever happens, no second zygote may come of it
        with contextlib.suppress(OSError):
            os.write(2, traceback.format_exc().encode())
    os._exit(code)


def enter(request: dict[str, Any], control: socket.socket, launcher: str) -> int:
    """Join the sandbox and leave two processes there: a supervisor and the kernel below it."""
    place = Path("/proc", str(request["joins"]))
    output = os.open(place / "fd" / "1", os.O_WRONLY)
    environment, folder = read_environment(place), (place / "cwd").readlink()
    seen = [entry for entry in sys.path if Path(entry).exists()]
    join(place)
    sys.path = [entry for entry in sys.path if entry not in seen or Path(entry).exists()]
    sys.path_importer_cache.clear()
    for fd in (1, 2):
        os.dup2(output, fd)
    # The child is in the name space of processes; its own child then belongs to the first process.
    if (child := os.fork()) != 0:
        os.waitpid(child, 0)
        return 0
    if os.fork() != 0:
        return 0
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if (kernel := os.fork()) != 0:
        return supervise(kernel, request["end"])
    run_kernel(control, request["settings"], launcher)
    return 0


def read_environment(place: Path) -> dict[str, str]:
    """The environment that the sandbox gives to its programs; it is there once one has begun."""
    give_up = time.monotonic() + BEGIN_SECONDS
    while b"PATH=" not in (content := (place / "environ").read_bytes()):
        if time.monotonic() > give_up:
            raise TimeoutError("the sandbox did not begin its program")
        time.sleep(0.001)
    pairs = (part.decode().partition("=") for part in content.split(b"\0") if part)
    return {name: value for name, _, value in pairs}


def join(place: Path) -> None:
    """Enter the name spaces of a process; what was seen and reached before is out of reach."""
    own = Path("/proc/self/ns")
    user = os.open(place / "ns" / "user", os.O_RDONLY)
    entered = {
        name: os.open(place / "ns" / name, os.O_RDONLY)
        for name in NAMESPACES
        if (own / name).readlink() != (place / "ns" / name).readlink()
    }
    owner: int = fcntl.ioctl(entered["mnt"], NS_GET_USERNS)
    set_namespace(owner, CLONE_NEWUSER)
    for name, fd in entered.items():
        set_namespace(fd, NAMESPACES[name])
    if not os.path.sameopenfile(owner, user):
        set_namespace(user, CLONE_NEWUSER)


def set_namespace(fd: int, kind: int) -> None:
    """``setns``, which Python has from 3.12 on."""
    if LIBC.setns(fd, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot join a name space: {os.strerror(number)}")


def supervise(kernel: int, end: str) -> int:
    """Wait for the kernel and hand its exit code to the sandbox's own program, which ends then."""
    LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    confine()
    close_all_but()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Path(end).open("w", encoding="ascii") as pipe:  # when this process is killed, it closes
        code = os.waitstatus_to_exitcode(os.waitpid(kernel, 0)[1])
        pipe.write(f"{code if code >= 0 else 128 - code}\n")
    return 0


def run_kernel(control: socket.socket, settings: str, launcher: str) -> None:
    """Wait for the server's word, then go on as the launcher of a cold start."""
    confine()
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    close_all_but(control.fileno())
    control.send(READY)  # the message carries the number of this process
    if not control.recv(1):
        os._exit(1)
    control.close()
    forget()
    spec = importlib.util.spec_from_file_location("launcher", launcher)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.argv = [launcher, settings]
    module.main(sys.argv)


def confine() -> None:
    """No capabilities, no new privileges, and the filter that bubblewrap installs elsewhere."""
    for number in range(MAX_CAPABILITIES):
        LIBC.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if LIBC.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "cannot give up capabilities")
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot give up new privileges")
    filters = sys.modules["notebook_agents.confinement.filters"]
    lockdown = sys.modules["notebook_agents.confinement.lockdown"]
    filters.install(filters.assemble(lockdown.EARLY))


def close_all_but(*kept: int) -> None:
    """Close every descriptor but the first three and those named."""
    low = 3
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def forget() -> None:
    """New random numbers: two kernels of a zygote must not draw the same."""
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)


if __name__ == "__main__":
    main(sys.argv)
