"""Confines itself with Landlock, then becomes another program, which stays confined.

Run as a script, without site-packages: ``python -I -S confine.py PLACES -- command …``, where
PLACES is a list of paths and rights in JSON. The place ``""`` stands for the process's own entry
below ``/proc``. The rules for system calls of the start are put on as well; those that end the
making of processes come later, by the command itself.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from notebook_agents.confinement import landlock
from notebook_agents.confinement.capabilities import drop_all
from notebook_agents.confinement.errors import Unprotected
from notebook_agents.confinement.filters import assemble, install
from notebook_agents.confinement.lockdown import EARLY


def main(argv: list[str]) -> None:
    """Give up everything that the places do not name, and run the command."""
    own = f"/proc/{os.getpid()}"
    places = [landlock.Place(path or own, rights) for path, rights in json.loads(argv[1])]
    command = argv[3:]
    try:
        drop_all()
        landlock.restrict(places)
        install(assemble(EARLY))
    except Unprotected as refusal:
        sys.exit(str(refusal))
    os.execv(command[0], command)  # noqa: S606 - the server's own command


if __name__ == "__main__":
    main(sys.argv)
