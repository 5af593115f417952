"""What looks like a secret: by the name of a variable, or by how a text is made.

A name says that its value is never told. A text is told with the keys, tokens and passwords in it
replaced. Rules know forms, not meanings: who has a secret of another form hides its variable.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable

MASK = "[masked]"
MIN_KNOWN_CHARS = 4
"""Shorter values of secret variables are not looked for elsewhere: they are words like others."""
MIN_INSIDE_CHARS = 8
"""Shorter ones are masked where they stand as words, and not inside of other words."""
MAX_KNOWN = 500
"""So many are looked for everywhere, however long the text; more only as words."""
MAX_KNOWN_CHARS = 2_000
KNOWN_START_CHARS = 16
"""So much of a known secret gives it away, also where the rest was cut off."""
MIN_RANDOM_CHARS = 32
MIN_ENTROPY_BITS = 4.0
"""Per character; words of a language and hexadecimal digests have less."""

_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s\-.]+")
_NO_SECRETS = r"(?:count|counts|ids?|lengths?|lens|limit|budget|usage|types?|probs?)"
_OWNERS = (
    r"my|user|login|admin|root|master|account|acct|customer|service|svc|app|api|server|client|host"
    r"|db|database|sql|mysql|pg|postgres|redis|mongo|rabbit|ldap|smtp|imap|mail|email|ftp|sftp|ssh"
    r"|proxy|http|basic|wifi|zip|keystore|card|atm|bank|sim|phone|security|access"
)
_KEY_OWNERS = (
    r"openai|anthropic|claude|azure|aws|gcp|google|gemini|github|gitlab|hf|huggingface|stripe"
    r"|sendgrid|twilio|slack|mistral|cohere|groq|deepseek|openrouter|replicate|wandb|pinecone"
    r"|tavily|serper|serpapi|service|account|storage|admin|deploy|webhook|client|ssl|tls|rsa|pgp|gpg"
    r"|hmac|aes|fernet|access|private|secret|encryption|decryption|signing|ssh|session|auth|master"
)
_SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|passcode)s?(?:_|\d*$)"
    r"|(?:^|_)(?:"
    r"pwd|pw|psw|pswd|secret|secrets|credential|credentials|creds?"
    rf"|token(?!_{_NO_SECRETS}(?:_|$))"
    r"|(?:access|auth|api|bearer|refresh|session|id|csrf|bot|my|user|personal|github|gitlab|slack"
    r"|device|login|secret|valid)_?tokens"
    rf"|api_?keys?|(?:{_KEY_OWNERS})_?keys?"
    rf"|(?:{_OWNERS})_?pass|pem|session_?ids?|sess_?ids?|phpsessid"
    r"|auth_(?:headers?|data|string|str|tuple|code)"
    r"|apikey|bearer|jwt|cookies?|authorization|conn(?:ection)?_?str(?:ing)?|dsn|otp"
    r")(?:_|\d*$)"
    rf"|(?:^|^x_|(?:^|_)(?:{_OWNERS})_?)auth\d*$"
    rf"|(?:^|(?:^|_)(?:{_OWNERS})_?)pin(?:_(?:code|number))?\d*$",
    re.IGNORECASE,
)
_SAID = (
    r"""(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?)"""
)
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
_QUOTED = r"""(?:"[^"\n]+(?:"|\Z)|'[^'\n]+(?:'|\Z)"""
_SAID_VALUES = (
    re.compile(
        r"""(?i)(\b(?:proxy-)?authorization["']?\s{0,5}[:=]\s{0,5})(?!\[masked\])"""
        rf"""{_QUOTED}|(?:[a-z]{{2,20}}[ \t]{{1,5}})?[^\s"',;)\]}}]+)"""
    ),
    re.compile(
        r"""(?i)(\bx-(?:auth|api|access|csrf|amz-security)(?:-[\w-]{0,30})?["']?\s{0,5}[:=]\s{0,5})"""
        rf"""(?!\[masked\]){_QUOTED}|[^\s"',;)\]}}]+)"""
    ),
    re.compile(
        rf"(?i)(\bauth\s{{0,5}}=\s{{0,5}}[(\[]\s{{0,5}}{_QUOTED})\s{{0,5}},\s{{0,5}}){_QUOTED})"
    ),
    re.compile(r"(?i)(\b(?:mysql|mariadb)[\w-]{0,12}\b[^\n]{0,200}?\s-p)(?!\[masked\])[^\s-]\S*"),
    re.compile(
        r"""(?i)(\b(?:curl|wget|https?)\b[^\n]{0,200}?\s(?:-u|-U|--user|--proxy-user)[\s=]{0,3}["']?"""
        r"""[^\s:"']{1,100}:)(?!\[masked\])[^\s"']+"""
    ),
    re.compile(rf"(?i)(--[\w-]{{0,20}}{_SAID}[ \t]{{1,3}})(?![-\[])[^\s\"']+"),
    re.compile(
        rf"""(?i)({_SAID}\w{{0,20}}["']?\s{{0,5}}(?:=>?|:)\s{{0,5}})"""
        rf"""(?!\[masked\]){_QUOTED}|[^\s"',;&)\]}}]{{6,}})"""
    ),
)
"""Each keeps what says that a secret follows, and masks what follows."""
_NAMED_VALUE = re.compile(
    r"""(?<![\w-])([A-Za-z_][\w-]{0,60})(["']?[ \t]{0,5}(?:=>?|:)[ \t]{0,5})(?!\[masked\])"""
    rf"""({_QUOTED})|[\w.~+/!@#$%^*?-]{{4,}})"""
)
_WORD = re.compile(r"""[^\s"',;|()\[\]{}<>=]+""")
_RANDOM = re.compile(rf"[A-Za-z0-9+_-]{{{MIN_RANDOM_CHARS},}}={{0,2}}")


def is_secret_name(name: str) -> bool:
    """Whether what a name stands for is a secret: ``password``, ``apiKey``, ``DB_TOKEN``."""
    return _SECRET_NAME.search(_WORD_BORDER.sub("_", name[:200])) is not None


class Masker:
    """Replaces what looks like a secret, and the secrets that it knows."""

    def __init__(self, secrets: Iterable[str] = (), cells: Iterable[str] = ()) -> None:
        """Know secrets; ``cells`` are looked for only where they stand as words."""
        words = {s for s in cells if len(s) >= MIN_KNOWN_CHARS}
        spaced = (s for s in words if _WORD.fullmatch(s) is None)
        known = dict.fromkeys(
            form
            for secret in itertools.chain(secrets, itertools.islice(spaced, MAX_KNOWN // 2))
            if len(secret) >= MIN_KNOWN_CHARS
            for form in _forms(secret[:MAX_KNOWN_CHARS])
        )
        self._words = words | set(itertools.islice(known, MAX_KNOWN, None))
        self._starts = {s[:KNOWN_START_CHARS] for s in self._words if len(s) > KNOWN_START_CHARS}
        self._known = known_pattern(list(itertools.islice(known, MAX_KNOWN)))

    def masked(self, text: str) -> str:
        """The text with a mark in place of each secret."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        if self._words:
            text = _WORD.sub(self._masked_word, text)
        for pattern in _SECRET_TEXTS:
            text = pattern.sub(MASK, text)
        for pattern in _SAID_VALUES:
            text = pattern.sub(rf"\1{MASK}", text)
        text = _NAMED_VALUE.sub(_without_value, text)
        return _RANDOM.sub(lambda found: MASK if _is_random(found[0]) else found[0], text)

    def _masked_word(self, found: re.Match[str]) -> str:
        word = found[0].rstrip(".:!?…")
        is_known = word in self._words or found[0] in self._words
        is_start = len(word) >= KNOWN_START_CHARS and word[:KNOWN_START_CHARS] in self._starts
        return MASK if is_known or is_start else found[0]


def masked(text: str) -> str:
    """The text with a mark in place of what looks like a secret."""
    return Masker().masked(text)


def secrets_of_environment() -> list[str]:
    """The values of environment variables that are named like secrets."""
    return [value for name, value in os.environ.items() if is_secret_name(name)]


def _forms(secret: str) -> list[str]:
    """A secret as it stands, as Python and JSON write it, and by its lines."""
    forms = [secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]]
    lines = secret.split("\n")
    return [*forms, *(line for line in lines if len(line) >= KNOWN_START_CHARS)]


def known_pattern(secrets: list[str]) -> re.Pattern[str] | None:
    """Finds each of them, longer ones first, and cut ones by their beginning."""
    words = [s for s in secrets if len(s) < MIN_INSIDE_CHARS or s.isdecimal()]
    inside = [s for s in secrets if s not in set(words)]
    starts = [s[:KNOWN_START_CHARS] for s in inside if len(s) > KNOWN_START_CHARS]
    parts = [_tree(inside)] if inside else []
    parts += [rf"(?<!\w){_tree(words)}(?!\w)"] if words else []
    # Behind them for where a text was cut.
    parts += [rf"{_tree(starts)}[^\s\"',;]*"] if starts else []
    return re.compile("|".join(parts)) if parts else None


def _tree(words: Iterable[str]) -> str:
    """A pattern for many words that looks at each character of a text few times."""
    words = sorted(set(words))
    prefix = os.path.commonprefix(words)  # noqa: RUF071 - of any texts
    rests = [word[len(prefix) :] for word in words]
    groups = itertools.groupby(filter(None, rests), key=lambda rest: rest[0])
    branches = "|".join(_tree(group) for _, group in groups)
    if not branches:
        return f"(?:{re.escape(prefix)})"
    return f"(?:{re.escape(prefix)}(?:{branches}){'?' if '' in rests else ''})"


def _without_value(found: re.Match[str]) -> str:
    """``DB_PASS=hunter2``, ``auth='open sesame'``: a text, or of a constant's name any word."""
    name, between, value = found.groups()
    is_told = value[0] in "\"'" or (name.isupper() and "=" in between and " " not in between)
    return f"{name}{between}{MASK}" if is_told and is_secret_name(name) else found[0]


def _is_random(text: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    if not all(any(map(kind, text)) for kind in kinds):
        return False
    counts = Counter(text).values()
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
    return entropy >= MIN_ENTROPY_BITS
