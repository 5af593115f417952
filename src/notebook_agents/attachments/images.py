"""What a picture says about itself; what it shows is not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from notebook_agents.attachments.reading import Piece, Refused

TOLD = ("DateTime", "Make", "Model", "Software", "ImageDescription")
"""Tags that are told; where a picture was taken is nobody's business."""
MAX_VALUE_CHARS = 200


def pieces(path: Path) -> Iterator[Piece]:
    """Format, size and a few tags, without unpacking the picture."""
    try:
        with Image.open(path, formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
            width, height = image.size
            lines = [f"{image.format} image, {width} x {height} pixels, mode {image.mode}"]
            n_frames = getattr(image, "n_frames", 1)
            lines += [f"{n_frames} frames"] if n_frames > 1 else []
            tags = {ExifTags.TAGS.get(key, ""): value for key, value in image.getexif().items()}
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise Refused("it is damaged, or too large a picture") from None
    lines += [f"{name}: {str(tags[name])[:MAX_VALUE_CHARS]}" for name in TOLD if name in tags]
    yield Piece("", "\n".join(lines), 1.0)
