"""Second requests after a file was read: more lines, fewer, or another file."""

from __future__ import annotations

from notebook_agents.core.formatting import more_line
from notebook_agents.engine.training.conversation import READER, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import text_lines
from notebook_agents.engine.training.reading import text_answer
from notebook_agents.engine.training.scene import Scene

CATEGORY = "read on"
COUNTS = (2, 3, 4, 5, 5, 6, 8, 10, 10, 20)


def reading_on(scene: Scene, first: Exchange) -> list[Exchange]:
    """What the user asks after the exchange in which a file was read; often nothing."""
    if len(first.steps) != 1 or first.steps[0].call.name != READER:
        return []
    arguments = first.steps[0].call.arguments
    if first.steps[0].result.startswith("Error: "):
        return []
    dice = scene.rng.random()
    if dice < 0.3:
        return [_other_file(scene, arguments)]
    if dice < 0.5 or "max_lines" not in arguments or "start_line" in arguments:
        return [_first_lines(scene, arguments)]
    return _next_lines(scene, arguments)


def _other_file(scene: Scene, arguments: dict[str, object]) -> Exchange:
    path = scene.names.text_path()
    if scene.chance(0.5):
        scene.texts[path] = ""
    return _read(scene, "again_read", {**arguments, "path": path}, {"f": path})


def _first_lines(scene: Scene, arguments: dict[str, object]) -> Exchange:
    n = scene.rng.choice(COUNTS)
    return _read(scene, "read_first_n", {"path": arguments["path"], "max_lines": n}, {"n": str(n)})


def _next_lines(scene: Scene, arguments: dict[str, object]) -> list[Exchange]:
    """The lines after those just read, sometimes twice in a row."""
    path, size = arguments["path"], int(str(arguments["max_lines"]))
    start = size + 1
    named = scene.chance(0.4)
    n = scene.rng.choice(COUNTS) if named else size
    pool = "read_next_n" if named else "read_more"
    shared = {"path": path, "start_line": start, "max_lines": n}
    found = [_read(scene, pool, shared, {"n": str(n)})]
    if n == size and n in (5, 10, 20) and scene.chance(0.4):
        found.append(_read(scene, "read_more", {**shared, "start_line": start + n}, {}))
    return found


def _read(scene: Scene, pool: str, arguments: dict[str, object], slots: dict[str, str]) -> Exchange:
    text = scene.words(scene.picker.pick(pool), slots)
    most = int(str(arguments.get("max_lines", 6)))
    lines = text_lines(scene.names, scene.rng, scene.rng.randint(1, min(most, 8)))
    if "max_lines" in arguments and scene.chance(0.6):
        lines.append(more_line(scene.rng.randint(1, 400), "lines"))
    result = "\n".join(lines)
    answer = text_answer(str(arguments["path"]), result)
    return Exchange(CATEGORY, text, (Step(Call(READER, arguments), result),), answer)
