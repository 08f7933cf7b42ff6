"""Pictures inside of a page, which so needs no other file.

Figures are SVG: crisp at any width and on paper, and half the size of a PNG that is sharp on a
phone. They stand in `img` elements, so that the identifiers in one are not those in another, and
without a ground of their own; on a dark page a style inverts their lightness and keeps their hues.
A figure of very many parts would be larger as SVG: it is a PNG. Photographs are kept as they are,
shrunk if need be. docs/design/reports.md says more.
"""

from __future__ import annotations

import base64
import dataclasses
import io

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

_PIXELS_PER_INCH = 96  # of CSS
_LARGEST_SVG = 250_000  # bytes
_LARGEST_PHOTO = 128  # pixels
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclasses.dataclass(frozen=True)
class Picture:
    """A drawn picture.

    Attributes:
        address: `data:` and the picture.
        width: In CSS pixels.
        height: In CSS pixels.
        alt: What it shows, for those who do not see it.
    """

    address: str
    width: int
    height: int
    alt: str


@dataclasses.dataclass(frozen=True)
class Photo(Picture):
    """An example out of the data.

    Attributes:
        caption: What stands beneath it.
    """

    caption: str


def drawn(figure: Figure, alt: str) -> Picture:
    """A figure as a picture of a page."""
    width, height = (round(side * _PIXELS_PER_INCH) for side in figure.get_size_inches())
    return Picture(_address_of(figure), width, height, alt)


def drawn_elsewhere(png: bytes, alt: str, scale: float = 0.7) -> Picture:
    """A PNG as a picture of a page, `scale` times as large as its pixels."""
    width, height = Image.open(io.BytesIO(png)).size
    return Picture(_address("png", png), round(scale * width), round(scale * height), alt)


def photo(image: np.ndarray, alt: str, caption: str) -> Photo:
    """An image `[H, W, C]` in [0, 1], C of 1 or 3, as a picture of a page."""
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype("uint8")
    made = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    made.thumbnail((_LARGEST_PHOTO, _LARGEST_PHOTO))
    written = io.BytesIO()
    made.save(written, format="png", optimize=True)
    return Photo(_address("png", written.getvalue()), *made.size, alt, caption)


def _address_of(figure: Figure) -> str:
    svg = _svg(figure)
    if len(svg) <= _LARGEST_SVG:
        return _address("svg+xml", svg)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=2 * _PIXELS_PER_INCH, transparent=True)
    return _address("png", png.getvalue())


def _svg(figure: Figure) -> bytes:
    written = io.BytesIO()
    for ground in (figure.patch, *(axes.patch for axes in figure.axes)):
        ground.set(facecolor="none", edgecolor="none")
    # Outlines of letters look alike everywhere; the salt makes the same page of the same run.
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "tftrain"}):
        # Unlike savefig, it does not draw everything once more for the layout.
        FigureCanvasSVG(figure).print_svg(written, metadata=_NO_METADATA)
    text = written.getvalue()
    return text[text.index(b"<svg") :]  # the document type before it names an address


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
