"""Puts on the late rules once, as a kernel would, and says ``sealed`` when they hold.

Run as a script inside a mechanism that is being tried; without site-packages.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from notebook_agents.confinement.errors import Unprotected
from notebook_agents.confinement.filters import assemble, install
from notebook_agents.confinement.lockdown import late


def main() -> None:
    """Have a second thread, seal both, and try what must not work any more."""
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        install(assemble(late()), all_threads=True)
        os.memfd_create("")
    except PermissionError:
        sys.stdout.write("sealed")
    except Unprotected as refusal:
        sys.stderr.write(str(refusal))
    finally:
        done.set()
        other.join()


if __name__ == "__main__":
    main()
