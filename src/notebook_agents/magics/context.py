"""What the model is told about the notebook: its variables, or for the model in the box its frames.

The model in the box was trained on one line with the data frames, by name and columns, and gets
just that. All others get the state capsule. The files of the working folder are added by the core,
for every conversation alike.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotFound
from notebook_agents.core.messages import AttachmentPart
from notebook_agents.core.models import BUNDLED_MODEL, ModelInfo
from notebook_agents.core.outlines import outline, outline_line
from notebook_agents.live.capsule import Capsule, Capsules, Question
from notebook_agents.live.describe import describer_of
from notebook_agents.live.describe_figures import thumbnail
from notebook_agents.live.inspecting import TOOL
from notebook_agents.live.visibility import Visibility
from notebook_agents.magics.values import loaded_pandas
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.magics.host import CoreHost
    from notebook_agents.magics.preferences import Preferences

MAX_FRAMES = 8
"""Beyond these a small model loses track; ``{name}`` in the prompt shows a frame in full."""
CHARS_PER_TOKEN = 3
"""A cautious guess: a capsule is full of numbers, which take more tokens than prose."""
CONTEXT_SHARE = 0.25
"""Of what a model can read at once, that the notebook may take."""
MAX_THUMBNAILS = 2
SEES = "vision"
"""The capability of models that take images."""
_NOTHING_HIDDEN = Visibility()


class Context:
    """What the prompts of one session tell about its notebook."""

    def __init__(self, shell: Any, preferences: Preferences) -> None:
        self._shell = shell
        self._preferences = preferences
        self._capsules = Capsules()
        self._models: dict[str, ModelInfo] = {}
        self.capsule = Capsule()
        """The last one that was made."""

    @property
    def visibility(self) -> Visibility:
        """Which variables may be told."""
        return Visibility(
            hidden=tuple(self._preferences.hidden),
            shown=tuple(self._preferences.shown),
            builtin=getattr(self._shell, "user_ns_hidden", {}),
        )

    def meet(self, host: CoreHost, model: str) -> Waits[ModelInfo | None]:
        """What is known of the model that is going to be asked; None of an unknown one."""
        if model == BUNDLED_MODEL:
            return None
        if model not in self._models:
            self.know((yield from until(host.submit(lambda core: _known(core, model)))))
        return self._models.get(model)

    def know(self, models: Iterable[ModelInfo]) -> None:
        """How much each can read, and whether it sees."""
        self._models |= {info.id: info for info in models}

    def told(self, prompt: str, model: str, *, tools: Collection[str] | None = None) -> str:
        """What goes with a prompt to a model that has these tools; None is all there are."""
        names: dict[str, Any] = self._shell.user_ns
        if model == BUNDLED_MODEL:
            self.capsule = Capsule()
            return frames_line(names, self.visibility, words_of(prompt))
        question = Question(
            prompt=prompt,
            max_chars=self._room(model),
            can_inspect=tools is None or TOOL in tools,
        )
        self.capsule = self._capsules.take(names, self.visibility, question)
        return self.capsule.text

    def sees(self, model: str) -> bool:
        """Whether a model takes images, once it was met."""
        info = self._models.get(model)
        return info is not None and SEES in info.capabilities

    def thumbnails(self, prompt: str, model: str) -> tuple[AttachmentPart, ...]:
        """Pictures of the figures that are new or named, for a model that sees images."""
        if not self.sees(model):
            return ()
        names = self.visibility.visible(self._shell.user_ns)
        fresh = {change.name for change in self.capsule.changes} | set(prompt.split())
        figures = [
            (name, value)
            for name, value in reversed(names.items())
            if name in fresh and describer_of(value).kind == "figure"
        ]
        return tuple(filter(None, (_picture(*figure) for figure in figures[:MAX_THUMBNAILS])))

    def remember(self) -> None:
        """The last capsule was sent: the next one says what has changed since."""
        if self.capsule.seen:
            self._capsules.remember(self.capsule)

    def forget(self) -> None:
        """Begin anew, with a new conversation."""
        self._capsules.forget()

    def _room(self, model: str) -> int:
        info, wished = self._models.get(model), self._preferences.context_chars
        if info is None or info.context_length is None:
            return wished
        return min(wished, int(info.context_length * CONTEXT_SHARE * CHARS_PER_TOKEN))


def words_of(text: str) -> frozenset[str]:
    """What a prompt may call something, in lower case."""
    return frozenset(re.findall(r"\w+", text.lower()))


def frames_by_name(
    namespace: Mapping[str, Any],
    visibility: Visibility = _NOTHING_HIDDEN,
    wanted: Collection[str] = (),
) -> dict[str, Any]:
    """The newest data frames, oldest first, each under its newest name.

    One of several names that is among the wanted words comes first: the person or the model goes by
    it. All such names are given.
    """
    pandas = loaded_pandas()
    if pandas is None:
        return {}
    names: dict[int, list[str]] = {}
    for name, value in reversed(list(namespace.items())):
        if visibility.why_hidden(name) or not isinstance(value, pandas.DataFrame):
            continue
        if id(value) not in names and len(names) == MAX_FRAMES:
            continue
        names.setdefault(id(value), []).append(name)
    chosen = [
        name
        for several in names.values()
        for name in [name for name in several if name.lower() in wanted] or several[:1]
    ]
    return {name: namespace[name] for name in reversed(chosen)}


def frames_line(
    namespace: Mapping[str, Any],
    visibility: Visibility = _NOTHING_HIDDEN,
    wanted: Collection[str] = (),
) -> str:
    """``Dataframes: df(price, qty); …``, or nothing when there are none."""
    frames = frames_by_name(namespace, visibility, wanted).items()
    return outline_line("Dataframes", [outline(name, frame.columns) for name, frame in frames])


def _picture(name: str, figure: Any) -> AttachmentPart | None:
    try:
        data = thumbnail(figure)
    except Exception:  # noqa: BLE001 - a figure that cannot be drawn is told in words alone
        return None
    if not data:
        return None
    content = base64.b64encode(data).decode()
    return AttachmentPart(
        kind="image", content=content, name=name, media_type="image/png", is_own=True
    )


async def _known(core: Core, model: str) -> list[ModelInfo]:
    """What is known of it; its provider may not list it, and listing all may take a network."""
    try:
        return [await core.models.get(model)]
    except NotFound:
        return []
