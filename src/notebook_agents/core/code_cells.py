"""IPython's own syntax in a cell: lines of magics, shell and help, and what they would do.

Such lines are taken out and leave Python of the same number of lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from notebook_agents.core.assessments import Finding
from notebook_agents.core.code_guards import CONTROLS, PAGE
from notebook_agents.core.code_knowledge import words
from notebook_agents.core.command_effects import assess_command
from notebook_agents.core.policy import Effect

QUIET_MAGICS = words(
    """
    agent_help autocall automagic capture colors config_help dhist dirs ll lprun
    ls lsmagic magic matplotlib memit memory_usage mprun page pdef pdoc pfile pinfo pinfo2
    pprint precision prun psearch psource pwd pylab quickref tb time timeit who who_ls whos
    xmode
    """
)
TIMING_MAGICS = frozenset({"time", "timeit", "prun", "memit", "mprun", "lprun"})
CHANGING_MAGICS = words(
    """
    alias autoreload cd config env popd pushd rehashx reset reset_selective set_env store unalias
    xdel
    """
)
PYTHON_CELLS = frozenset({"time", "timeit", "prun", "capture", "memit", "python_here"})
WRITING_CELLS = frozenset({"writefile", "file"})
TEXT_CELLS = frozenset({"markdown", "latex"})
PAGE_CELLS = frozenset({"html", "HTML", "svg", "SVG"})
TELLING_MAGICS = words("hist history macro notebook recall rep rerun save")
"""They give the source of earlier cells away."""
_LINE = re.compile(r"(?P<indent>\s*)(?P<target>[\w.,\s\[\]'\"]*?=\s*)?(?P<mark>[!%])(?P<rest>.*)$")
_HELP = re.compile(r"\s*\?{1,2}[\w.%*]+\s*$|\s*%{0,2}[\w.*]+(?:\[\S+\])?\?{1,2}\s*$")
_QUOTES = re.compile(r"'''|\"\"\"")


@dataclass(slots=True)
class Cell:
    """A cell without what only IPython understands."""

    code: str
    findings: list[Finding] = field(default_factory=list)
    writes: list[tuple[str, int]] = field(default_factory=list)
    """Files that magics write, with their lines."""
    effects: dict[Finding, Effect] = field(default_factory=dict)
    """Of findings that count for more than their risk."""

    def control(self, words: str, line: int) -> None:
        """Note that the person's own controls are used: no policy lets code do that."""
        text = f"uses the controls of agents, which are the person's: %{words}"
        self._add(_finding("shell", text, line), "privileged")

    def tells(self, words: str, line: int) -> None:
        """Note that earlier cells, or the environment, are read."""
        self._add(_finding("reads", f"tells what may hold secrets: %{words}", line), "external")

    def _add(self, finding: Finding, effect: Effect) -> None:
        self.findings.append(finding)
        self.effects[finding] = effect


def plain_cell(code: str) -> Cell:
    """The Python of a cell, and what its other lines would do."""
    body = code.lstrip("\n")
    offset = len(code) - len(body)
    if body.lstrip().startswith("%%"):
        return _cell_magic(body.lstrip(), 1 + offset)
    cell = Cell(code="")
    lines, is_text = [], False
    pending: list[str] = []
    for number, line in enumerate(code.split("\n"), start=1):
        if pending or (not is_text and _is_special(line)):
            pending.append(line)
            if line.rstrip().endswith("\\"):
                lines.append("")
                continue
            lines.append(_special(_joined(pending), number - len(pending) + 1, cell))
            pending = []
            continue
        lines.append(line)
        is_text ^= len(_QUOTES.findall(line)) % 2 == 1
    cell.code = "\n".join(lines)
    return cell


def _joined(lines: list[str]) -> str:
    return " ".join(line.rstrip().removesuffix("\\") for line in lines)


def _is_special(line: str) -> bool:
    if _HELP.match(line):
        return True
    found = _LINE.match(line)
    if not found:
        return False
    # ``x = 5 %y`` is no magic: the mark must begin what stands right of the sign.
    return found["mark"] == "!" or bool(re.match(r"%?[A-Za-z_]", found["rest"]))


def _special(line: str, number: int, cell: Cell) -> str:
    found = _LINE.match(line)
    if found is None:
        return ""
    indent, target, rest = found["indent"], found["target"] or "", found["rest"].strip()
    if found["mark"] == "!":
        command = rest.lstrip("!")
        cell.findings += assess_command(command, number).findings
        return f"{indent}{target}[]" if target else f"{indent}pass"
    code = _line_magic(rest, number, cell)
    if target:
        return f"{indent}{target}({code or 'None'})"
    return f"{indent}{code or 'pass'}"


def _line_magic(rest: str, number: int, cell: Cell) -> str:
    """Note what a line magic does; the Python that stands in for it."""
    name, _, argument = rest.lstrip("%").partition(" ")
    if _is_control(name, argument):
        cell.control(rest, number)
    elif name in TELLING_MAGICS or (name in {"env", "store"} and not _sets(argument)):
        cell.tells(rest, number)
        if name in {"save", "notebook"}:
            cell.writes.append((argument.split()[-1] if argument.split() else "a file", number))
    elif name in {"sx", "sc", "system"}:
        cell.findings += assess_command(argument, number).findings
    elif name in TIMING_MAGICS:
        return re.sub(r"^(?:-\S+\s+(?:\d+\s+)?)*", "", argument)
    elif name in {"matplotlib", "pylab"} or name in QUIET_MAGICS:
        return ""
    elif name in {"pip", "conda", "mamba", "uv"}:
        cell.findings += assess_command(f"{name} {argument}", number).findings
    elif name in {"logstart", "writefile"}:
        cell.writes.append((argument.split()[-1] if argument.split() else "a file", number))
    elif name in CHANGING_MAGICS:
        cell.findings.append(_finding("mutates", f"changes the session: %{rest}", number))
    else:
        cell.findings.append(_finding("shell", f"runs a magic: %{rest}", number))
    return ""


def _is_control(name: str, argument: str) -> bool:
    if name in {"load_ext", "reload_ext", "unload_ext"}:
        return CONTROLS in argument
    return name in {"agent", "agents"} or (name == "config" and "agent" in argument.lower())


def _sets(argument: str) -> bool:
    return "=" in argument or len(argument.split()) > 1


def _cell_magic(code: str, number: int) -> Cell:
    head, _, body = code.partition("\n")
    name, _, argument = head.removeprefix("%%").partition(" ")
    if name in PYTHON_CELLS:
        inner = plain_cell(f"\n{body}")
        if name in {"time", "timeit", "prun", "memit"} and argument.strip():
            inner.findings += plain_cell(f"%{name} {argument}").findings
        return inner
    cell = Cell(code="")
    if name in TEXT_CELLS | PAGE_CELLS:
        if name in PAGE_CELLS or (name == "markdown" and re.search(r"<|!\[", body)):
            cell.findings.append(_finding("shell", f"{PAGE}: %%{name}", number))
    elif name in {"agent", "agents"}:
        cell.control(head.removeprefix("%"), number)
    elif name in {"javascript", "js"}:
        cell.findings.append(_finding("shell", "runs JavaScript in the page", number))
    elif name in WRITING_CELLS:
        words = [word for word in argument.split() if not word.startswith("-")]
        cell.writes.append((words[0] if words else "a file", number))
    elif name in {"bash", "sh", "script", "system", "sx", "cmd", "!"}:
        _shell_lines(cell, body, number)
        if not cell.findings:
            cell.findings.append(_finding("shell", f"runs a shell: %%{name} {argument}", number))
    else:
        cell.findings.append(_finding("shell", f"runs a cell magic: %%{name}", number))
    return cell


def _shell_lines(cell: Cell, body: str, number: int) -> None:
    for at, line in enumerate(body.split("\n"), start=number + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            cell.findings += assess_command(line, at).findings


def _finding(risk: str, text: str, line: int) -> Finding:
    return Finding(risk=risk, text=" ".join(text.split())[:120], line=line)  # type: ignore[arg-type]
