"""What code may name that is nobody's business unasked: secrets, the page, the product itself.

Tables and rules over texts and names; the classes that read code say where they apply.
"""

from __future__ import annotations

import posixpath
import re

from notebook_agents.core.code_knowledge import words
from notebook_agents.core.code_places import is_own

CONTROLS = "notebook_agents"
"""The product: no code may change how it works, what it shows or whom it asks."""
PAGE = "puts script or remote content into the page"
PLAIN_VARIABLES = words(
    """
    CONDA_DEFAULT_ENV CONDA_PREFIX CUDA_VISIBLE_DEVICES EDITOR HOME HOSTNAME LANG LC_ALL LOGNAME
    MPLBACKEND OMP_NUM_THREADS PATH PWD PYTHONPATH SHELL TEMP TERM TMP TMPDIR TZ USER USERNAME
    VIRTUAL_ENV
    """
)
"""Variables of the environment that are no secrets, whatever they hold."""
SECRET_KEEPERS = frozenset({"getpass", "keyring", "netrc", "dotenv"})
PAGE_MAKERS = words(
    """
    HTML HTMLMath IFrame Javascript SVG ScribdDocument VimeoVideo YouTubeVideo display_html
    display_javascript display_markdown display_svg publish_display_data
    """
)
MEDIA = frozenset({"Audio", "Image", "Video"})
REDUCTIONS = words(
    """
    abs all any bfill corr count cov cummax cummin cumprod cumsum describe diff exp ffill first
    head idxmax idxmin kurt last len log max mean median min mode nlargest nsmallest nunique
    ohlc pct_change prod quantile rank round sem shift size skew sqrt std sum tail unique
    value_counts var
    """
)
"""Names of methods that frames may be asked to call: they compute and change nothing."""
_HISTORY = re.compile(r"In|_ih|_i{1,3}|_i\d+")
_DRAWN = re.compile(r"_repr_(?:html|javascript|svg|mimebundle|markdown)_|_ipython_display_")
_PRIVATE = re.compile(r"""(?:^|['"(=])(?:/(?:etc|proc|sys|root|run|var/run)(?:/|$)|~[\w-]*/\.)""")
_HIDDEN_PART = re.compile(r"(?:^|/)\.[A-Za-z_][^/]*")
_SCHEME = re.compile(r"[A-Za-z0-9+.:-]*")


def is_history(name: str) -> bool:
    """Whether IPython keeps the source of earlier cells under the name."""
    return _HISTORY.fullmatch(name) is not None


def is_drawn(name: str) -> bool:
    """Whether a method of the name tells the page what to show."""
    return _DRAWN.fullmatch(name) is not None


def may_leave(text: str) -> bool:
    """Whether a path is, or holds, an address."""
    return "://" in text or "::" in text


def is_private(text: str, folder: str, *, is_path: bool = False) -> bool:
    """Whether a text names a place of the system or of the product, or a hidden file.

    ``.csv`` is an ending; only where a path stands is it a hidden file.
    """
    if is_own(text, folder, is_path=is_path):
        return True
    if is_path and text:
        text = posixpath.normpath(posixpath.join(folder, text) if "../" in text else text)
        text = f"/{text.lstrip('/')}" if text.startswith("/") else text
    if folder and text.startswith(f"{folder.rstrip('/')}/"):
        text = text[len(folder.rstrip("/")) + 1 :]
        return _HIDDEN_PART.search(text) is not None
    if is_path:
        return bool(_PRIVATE.search(text) or _HIDDEN_PART.search(text))
    is_word = not any(part.isspace() for part in text)
    return bool(_PRIVATE.search(text) or (is_word and "/" in text and "/." in text
                and "://" not in text and _HIDDEN_PART.search(text)))  # fmt: skip


def begins_local(text: str | None) -> bool:
    """Whether a path that begins so cannot become an address, whatever comes behind it."""
    if not text or may_leave(text) or text.startswith("~"):
        return False
    return _SCHEME.fullmatch(text) is None
