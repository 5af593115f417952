"""Keeps what a call printed and nobody is shown: in a file in the conversation's own folder."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def keep_text(folder: Path, text: str) -> str:
    """Write the text into a new file of the folder, never over or through what code put there.

    Returns the file's name; empty when it could not be written. Blocks.
    """
    name = f"output-{secrets.token_hex(4)}.txt"
    with contextlib.suppress(OSError):
        folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd = os.open(name, FLAGS, 0o600, dir_fd=folder_fd)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
            return name
        finally:
            os.close(folder_fd)
    return ""
