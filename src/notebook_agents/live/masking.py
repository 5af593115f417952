"""What looks like a secret: by the name of a variable, or by how a text is made.

A name says that its value is never told. A text is told with the keys, tokens and passwords in it
replaced. Rules know forms, not meanings: who has a secret of another form hides its variable.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable

MASK = "[masked]"
MIN_KNOWN_CHARS = 6
"""Shorter values of secret variables are not looked for elsewhere: they are words like others."""
MAX_KNOWN_CHARS = 2_000
KNOWN_START_CHARS = 16
"""So much of a known secret gives it away, also where the rest was cut off."""
MIN_RANDOM_CHARS = 32
MIN_ENTROPY_BITS = 4.0
"""Per character; words of a language and hexadecimal digests have less."""

_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s\-.]+")
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:"
    r"password|passwords|passwd|passphrase|pwd|pw|secret|secrets|credential|credentials|creds?"
    r"|token(?!_(?:count|counts|ids?|lengths?|lens|limit|budget|usage|types?|probs?)(?:_|$))"
    r"|(?:access|auth|api|bearer|refresh|session|id|csrf|bot)_?tokens"
    r"|api_?keys?|(?:access|private|secret|encryption|signing|ssh|session|auth|master)_?keys?"
    r"|apikey|bearer|jwt|cookies?|authorization|conn(?:ection)?_?str(?:ing)?|dsn|otp"
    r")(?:_|\d*$)",
    re.IGNORECASE,
)
_SAID = r"""(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?)"""
_SECRET_TEXTS = (
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
    ),
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"),
    re.compile(r"\b(?:AKIA|ASIA|AIza|ya29\.)[\w-]{12,}"),
    re.compile(r"\b(?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|hf|xox[abprs]|npm|pypi)[_-][\w-]{10,}"),
    re.compile(r"\b(?:sk|pk|rk)[-_](?:[a-z]{1,20}[-_]){0,4}[\w-]{16,}", re.IGNORECASE),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{12,}"),
    re.compile(r"(?<=://)[^\s/:@'\"]*:[^\s/@'\"]+(?=@)"),
)
_SAID_VALUE = re.compile(
    rf"""(?i)({_SAID}\w{{0,20}}["']?\s{{0,5}}(?:=>?|:)\s{{0,5}})"""
    r"""(?!\[masked\])(?:"[^"\n]+(?:"|\Z)|'[^'\n]+(?:'|\Z)|[^\s"',;&)\]}]{6,})"""
)
_RANDOM = re.compile(rf"[A-Za-z0-9+_-]{{{MIN_RANDOM_CHARS},}}={{0,2}}")


def is_secret_name(name: str) -> bool:
    """Whether what a name stands for is a secret: ``password``, ``apiKey``, ``DB_TOKEN``."""
    return _SECRET_NAME.search(_WORD_BORDER.sub("_", name[:200])) is not None


class Masker:
    """Replaces what looks like a secret, and the secrets that it knows."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {s[:MAX_KNOWN_CHARS] for s in secrets if len(s) >= MIN_KNOWN_CHARS}
        longest_first = sorted(known, key=len, reverse=True)
        whole = [re.escape(secret) for secret in longest_first]
        # Behind them for where a text was cut.
        starts = [rf"{re.escape(s[:KNOWN_START_CHARS])}[^\s\"',;]*" for s in longest_first]
        self._known = re.compile("|".join([*whole, *starts])) if known else None

    def masked(self, text: str) -> str:
        """The text with a mark in place of each secret."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern in _SECRET_TEXTS:
            text = pattern.sub(MASK, text)
        text = _SAID_VALUE.sub(rf"\1{MASK}", text)
        return _RANDOM.sub(lambda found: MASK if _is_random(found[0]) else found[0], text)


def masked(text: str) -> str:
    """The text with a mark in place of what looks like a secret."""
    return Masker().masked(text)


def secrets_of_environment() -> list[str]:
    """The values of environment variables that are named like secrets."""
    return [value for name, value in os.environ.items() if is_secret_name(name)]


def _is_random(text: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    if not all(any(map(kind, text)) for kind in kinds):
        return False
    counts = Counter(text).values()
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
    return entropy >= MIN_ENTROPY_BITS
