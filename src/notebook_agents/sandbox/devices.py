"""Device nodes of a sandbox's own, for a server that is run by root.

bubblewrap shows the nodes of the machine. Whoever owns a file may change its mode, in a user
namespace too, and root owns them: code could close ``/dev/null`` to everybody.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from notebook_agents.core.errors import SandboxUnavailable

NODES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}
"""What bubblewrap puts into its ``/dev``, by the numbers of Linux's devices.txt."""


def own_nodes(folder: Path) -> list[str]:
    """Arguments for bubblewrap that put nodes of our own over those of the machine.

    None for an ordinary user, who owns no device.

    Raises:
        SandboxUnavailable: root may not make nodes here, or not use them.
    """
    if os.geteuid() != 0:
        return []
    place, arguments = folder / "dev", []
    place.mkdir(mode=0o700)
    try:
        for name, (major, minor) in NODES.items():
            node = place / name
            os.mknod(node, stat.S_IFCHR, os.makedev(major, minor))
            node.chmod(0o666)
            arguments += ["--dev-bind", str(node), f"/dev/{name}"]
        os.close(os.open(place / "null", os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        raise SandboxUnavailable(
            f"root cannot make device nodes in {str(folder)!r} ({error.strerror}); run the server "
            "as an ordinary user, or keep its data on a file system mounted without nodev",
            missing=["device nodes"],
        ) from error
    return arguments
