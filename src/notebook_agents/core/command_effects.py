"""What a shell command says it does, in the words of the commands that everybody knows.

This only explains: a command line counts as a shell whatever it says, because what it does cannot
be told from its words.
"""

from __future__ import annotations

import re
import shlex

from notebook_agents.core.assessments import Assessment, Finding, Risk
from notebook_agents.core.code_knowledge import words

SHOWN_CHARS = 100
DELETING = frozenset({"rm", "rmdir", "unlink", "shred", "dd", "mkfs", "truncate", "trash", "del"})
NETWORKING = words(
    """
    apt apt-get aws az brew conda curl dig docker ftp gcloud gh git huggingface-cli kubectl
    mamba nc ncat nmap npm npx nslookup ollama ping pip pip3 rsync scp sftp ssh telnet uv wget
    yarn
    """
)
SEPARATORS = re.compile(r"\|\||&&|[;|&\n]|\$\(|`|<\(|>\(")
PREFIXES = frozenset(
    {"sudo", "env", "nohup", "time", "nice", "xargs", "exec", "command", "doas", "builtin"}
)


def assess_command(command: str, line: int = 0) -> Assessment:
    """What a command line would do; always at least a shell."""
    text = " ".join(command.split())
    shown = text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
    findings = [Finding(risk="shell", text=f"runs a shell command: {shown}", line=line)]
    for part in SEPARATORS.split(command):
        findings += [
            Finding(risk=risk, text=text, line=line) for risk, text in _risks(_words(part))
        ]
    return Assessment(effect="external", findings=tuple(dict.fromkeys(findings)))


def _words(part: str) -> list[str]:
    try:
        words = shlex.split(part, comments=True)
    except ValueError:
        words = part.split()
    while words and (words[0] in PREFIXES or re.fullmatch(r"\w+=.*|-.*|\(|\{", words[0])):
        words = words[1:]
    return words


def _risks(words: list[str]) -> list[tuple[Risk, str]]:
    if not words:
        return []
    program, shown = words[0].rpartition("/")[2], " ".join(words)[:SHOWN_CHARS]
    risks: list[tuple[Risk, str]] = []
    if program in DELETING or (program == "find" and "-delete" in words):
        risks.append(("deletes", f"deletes: {shown}"))
    if program == "git" and {"clean", "reset", "checkout", "restore"} & set(words):
        risks.append(("deletes", f"throws changes away: {shown}"))
    if program in NETWORKING or any("://" in word for word in words):
        risks.append(("network", f"uses the network: {shown}"))
    if any(word.lstrip("012&").startswith(">") for word in words) or program in {"tee", "cp", "mv"}:
        risks.append(("writes_files", f"writes files: {shown}"))
    return risks
