"""What a picture says about itself; what it shows is not looked at."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

from notebook_agents.attachments.reading import Piece, Refused

TOLD = ("DateTime", "Make", "Model", "Software", "ImageDescription")
"""Tags that are told; where a picture was taken is nobody's business."""
MAX_VALUE_CHARS = 200
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def pieces(path: Path) -> Iterator[Piece]:
    """Format, size and a few tags, without unpacking the picture."""
    try:
        with _opened(path) as image:
            width, height = image.size
            lines = [f"{image.format} image, {width} x {height} pixels, mode {image.mode}"]
            n_frames = getattr(image, "n_frames", 1)
            lines += [f"{n_frames} frames"] if n_frames > 1 else []
            tags = _tags(image)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("it is damaged, or too large a picture") from None
    lines += [f"{name}: {str(tags[name])[:MAX_VALUE_CHARS]}" for name in TOLD if name in tags]
    yield Piece("", "\n".join(lines), 1.0)


def _opened(path: Path) -> Image.Image:
    """The picture, if it is none that takes more memory than a picture should."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _tags(image: Image.Image) -> dict[str, Any]:
    if image.format == "PNG" and "exif" not in image.info:
        return {}  # Pillow would unpack the whole picture to look for tags behind it
    return {ExifTags.TAGS.get(key, ""): value for key, value in image.getexif().items()}
