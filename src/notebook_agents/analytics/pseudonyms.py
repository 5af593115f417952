"""The key of a deployment under which its users are told of without their ids."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.ids import new_id


def read_key(path: Path) -> str:
    """The key; the first process that needs it makes it, in a file that only its owner can read.

    Whoever removes the file gets other names from then on, and nobody can find out the former.
    """
    draft = path.with_name(f".{path.name}.{new_id()}")
    try:
        if not path.exists():
            with os.fdopen(
                os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w"
            ) as file:
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):
                os.link(draft, path)  # refuses to replace: of two processes at once one wins
            draft.unlink()
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise StorageUnavailable(
            f"the key of pseudonyms {str(path)!r} cannot be made or read: {error.strerror}"
        ) from None
