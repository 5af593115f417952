"""The price catalogue: which GPUs there are, how fast they are and what they cost.

A TOML file that people edit. It is read at every request, so that a change acts at once; a wrong
entry is an error that names the file, the entry and what was expected.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.optimization.precisions import BYTES_PER_VALUE, COMPUTED_AS

FILE_NAME = "price_catalogue.toml"
"""Its name in the home folder, and among the package's data."""
SHIPPED = "shipped"
MAX_FILE_BYTES = 1024 * 1024
MAX_GPUS = 500

Positive = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class _Strict(BaseModel):
    # Built when a catalogue is read, which most commands never do.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Gpu(_Strict):
    """One type of GPU, its speed and its price."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w .:/+()-]{0,99}$")]
    vendor: str = ""
    """Who makes it; the software of another vendor's GPUs is another."""
    aliases: tuple[str, ...] = ()
    memory_gib: Positive
    bandwidth_gb_s: Positive
    """Of its memory, in 10^9 bytes per second."""
    on_demand_per_hour: Positive
    spot_per_hour: Positive | None = None
    source: str = ""
    tflops: Mapping[str, Positive]
    """Peak dense speed by precision, in 10^12 operations per second."""

    @model_validator(mode="after")
    def _check(self) -> Gpu:
        if unknown := sorted(set(self.tflops) - set(BYTES_PER_VALUE)):
            raise ValueError(
                f"unknown precision {unknown[0]!r}; known: {', '.join(BYTES_PER_VALUE)}"
            )
        if self.spot_per_hour and self.spot_per_hour > self.on_demand_per_hour:
            raise ValueError("spot_per_hour is more than on_demand_per_hour")
        return self

    def speed(self, precision: str) -> float | None:
        """Operations per second at a precision; None where the GPU does not have it."""
        tflops = self.tflops.get(COMPUTED_AS.get(precision, precision))
        return None if tflops is None else tflops * 1e12

    @property
    def bandwidth(self) -> float:
        """Bytes per second."""
        return self.bandwidth_gb_s * 1e9


class OffPeak(_Strict):
    """Hours in which capacity is cheaper."""

    start_hour: Annotated[int, Field(ge=0, le=23)]
    end_hour: Annotated[int, Field(ge=0, le=23)]
    discount: Share

    @property
    def n_hours(self) -> int:
        """How long the cheap hours last; from 20 to 6 they are 10."""
        return (self.end_hour - self.start_hour) % 24 or 24


class Catalogue(_Strict):
    """All of the file."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    priced_on: date
    note: str = ""
    spot_rework: Share = 0.10
    """The share of an interruptible job that is done again after interruptions."""
    off_peak: OffPeak | None = None
    gpu: Annotated[tuple[Gpu, ...], Field(min_length=1, max_length=MAX_GPUS)]
    origin: str = SHIPPED
    """Where it was read from."""

    @model_validator(mode="after")
    def _check(self) -> Catalogue:
        names = [name.lower() for gpu in self.gpu for name in (gpu.name, *gpu.aliases)]
        if double := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"the name {double!r} is given twice")
        return self

    def find(self, name: str) -> Gpu | None:
        """The GPU of that name or alias, in any case; a vendor's name before it is left out."""
        wanted = name.lower().strip()
        for prefix in ("nvidia ", "nvidia-", "amd ", "amd-"):
            wanted = wanted.removeprefix(prefix)
        for gpu in self.gpu:
            if wanted in {known.lower() for known in (gpu.name, *gpu.aliases)}:
                return gpu
        return None


def load_catalogue(home: Path, chosen: str = "") -> Catalogue:
    """The catalogue of a deployment: the chosen file, else the home's, else the shipped one.

    Raises InvalidRequest that names the file and the entry. Blocks for as long as a read takes.
    """
    path = Path(chosen).expanduser() if chosen else home / FILE_NAME
    if not chosen and not path.exists():
        return parse_catalogue(shipped_text(), SHIPPED)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _wrong(path.name, f"the file has more than {MAX_FILE_BYTES} bytes")
        return parse_catalogue(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise _wrong(path.name, f"it cannot be read: {reason}") from None


def parse_catalogue(text: str, origin: str) -> Catalogue:
    """The catalogue that a TOML text holds; ``origin`` is what errors call the text."""
    try:
        plain = tomllib.loads(text)
        if "origin" in plain:
            raise _wrong(origin, "'origin' is not an entry of a price catalogue; remove it")
        return Catalogue(**plain, origin=origin)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(origin, f"it is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise _wrong(origin, f"{_place(plain, first['loc'])}: {first['msg']}") from None


def shipped_text() -> str:
    """The catalogue of the package, to copy and edit."""
    return resources.files("notebook_agents.optimization.data").joinpath(FILE_NAME).read_text()


def _place(plain: Mapping[str, Any], loc: tuple[int | str, ...]) -> str:
    """``gpu 'L4', tflops.fp16`` instead of numbers of entries."""
    if len(loc) > 1 and loc[0] == "gpu" and isinstance(loc[1], int):
        entry = plain["gpu"][loc[1]]
        name = entry.get("name", f"number {loc[1] + 1}") if isinstance(entry, dict) else loc[1] + 1
        rest = ".".join(map(str, loc[2:]))
        return f"gpu {name!r}" + (f", {rest}" if rest else "")
    return ".".join(map(str, loc)) or "the file"


def _wrong(origin: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"the price catalogue {origin!r}: {problem}", field="price_catalogue")
