"""Exchanges without a tool: small talk, refusals, questions back and words about the last call."""

from __future__ import annotations

import re
from collections.abc import Sequence

from notebook_agents.engine.earlier_calls import call_text, error_text
from notebook_agents.engine.prompt import ERROR_MARK
from notebook_agents.engine.training import replies
from notebook_agents.engine.training.conversation import Exchange, Step
from notebook_agents.engine.training.pools import expansions, pool
from notebook_agents.engine.training.scene import Scene

ABOUT_CALLS = "about the call"
"""The category of questions about earlier calls."""
_TOPIC = re.compile(r"\{[wPf]\}")


def small_talk(scene: Scene) -> Exchange:
    """Greetings and questions about the model."""
    if scene.chance(0.3):
        scene.clutter()
    reply, name = scene.rng.choices(list(replies.SMALL_TALK.items()), (3, 5, 5, 2, 2, 2, 2))[0]
    text = scene.words(_about_the_world(scene, scene.picker.pick(name)), {})
    return Exchange("small talk", text, (), reply)


def refusal(scene: Scene) -> Exchange:
    """Questions about the world and actions without a tool."""
    if scene.chance(0.3):
        scene.clutter()
    knowledge = scene.chance(0.6)
    phrase = scene.picker.pick("knowledge" if knowledge else "actions")
    slots = {"y": str(scene.rng.randint(1900, 2026)), "n": str(scene.rng.randint(2, 90))}
    reply = replies.NO_KNOWLEDGE if knowledge else replies.NO_TOOL
    return Exchange("refusal", scene.words(_about_the_world(scene, phrase), slots), (), reply)


def ask_back(scene: Scene) -> Exchange:
    """Requests that miss what they are about."""
    reply, name = scene.rng.choice(list(replies.ASK_BACK.items()))
    phrase = scene.picker.pick(name)
    slots = {"n": str(scene.rng.randint(2, 20))}
    if reply == replies.WHICH_TABLE:
        _several_tables(scene)
    elif reply == replies.WHICH_COLUMN:
        source = scene.add_frame() if scene.chance(0.4) else scene.add_file()
        phrase = phrase.replace("{src}", scene.source_phrase(source))
        slots["S"] = source.said
        scene.clutter()
    else:
        scene.clutter()
    return Exchange("ask back", scene.words(phrase, slots), (), reply)


def why_failed(scene: Scene, before: Sequence[Exchange]) -> Exchange:
    """A question why something failed, after some exchanges."""
    text = scene.words(scene.picker.pick("why_failed"), {})
    steps = [step for exchange in before for step in exchange.steps]
    return Exchange(ABOUT_CALLS, text, (), last_error(steps))


def explained(scene: Scene, before: Sequence[Exchange]) -> Exchange:
    """A question how the last result was found: the call itself is the answer."""
    text = scene.words(scene.picker.pick("explain_result"), {})
    steps = [step for exchange in before for step in exchange.steps]
    return Exchange(ABOUT_CALLS, text, (), last_call(steps))


def last_error(steps: Sequence[Step]) -> str:
    """What is said of the last call that failed."""
    errors = [step.result for step in steps if step.result.startswith(ERROR_MARK)]
    return replies.LAST_ERROR + error_text(errors[-1]) if errors else replies.NOTHING_FAILED


def last_call(steps: Sequence[Step]) -> str:
    """What is said of the last call."""
    if not steps:
        return replies.NO_CALL_YET
    call = steps[-1].call
    said = replies.LAST_CALL.format(tool=call.name)
    return f"{said}\n```\n{call_text(call.arguments)}\n```"


def _about_the_world(scene: Scene, phrase: str) -> str:
    """Fill in topics, persons, places and paths, each of them another one."""
    while match := _TOPIC.search(phrase):
        word = {"w": _topic, "P": _person, "f": _path}[match[0][1]](scene)
        phrase = phrase[: match.start()] + word + phrase[match.end() :]
    return phrase


def _topic(scene: Scene) -> str:
    """A thing that the context does not know."""
    if scene.chance(0.35):
        return _listed(scene, "topics")
    known = {*scene.frames, *(n for t in scene.tables.values() for n in t.names)}
    words = [scene.names.word() for _ in range(scene.rng.choice((1, 1, 2)))]
    return _topic(scene) if known.intersection(words) else " ".join(words)


def _person(scene: Scene) -> str:
    name = _listed(scene, "persons") if scene.chance(0.4) else scene.names.word()
    return name.title() if scene.chance(0.7) else name


def _path(scene: Scene) -> str:
    known = [*scene.tables, *scene.texts]
    return scene.rng.choice(known) if known and scene.chance(0.5) else scene.names.text_path()


def _listed(scene: Scene, name: str) -> str:
    """A name from a pool; it is no phrasing, so it does not count as a held-out pattern."""
    found = pool(name)
    lines = found.held if scene.picker.held and scene.chance(0.6) else found.train
    return scene.rng.choice(expansions(scene.rng.choice(lines)))


def _several_tables(scene: Scene) -> None:
    if scene.chance(0.5):
        for _ in range(scene.rng.choice((2, 2, 3))):
            scene.add_file()
    scene.clutter_texts()
