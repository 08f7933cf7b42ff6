"""Names written beside the points of a plot, none over another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox

_DISTANCES = (12, 20, 30, 45, 62, 80, 100, 125, 150)  # points
_DIRECTIONS = (0, 180, 90, 270, 45, 315, 135, 225, 20, 340, 160, 200, 70, 110, 250, 290)  # degrees
_MARKER = 9  # pixels on each side of a point that stay free
_LINE_FROM = 20  # points: names further off are joined to their point by a line


def write_names(
    axes: Axes,
    places: Sequence[tuple[float, float]],
    names: Sequence[str],
    *,
    keep_free: Sequence[Text] = (),
    **style: Any,
) -> None:
    """Writes each name at the nearest free place; where there is none, over what is there.

    Args:
        axes: Whose limits and size are final.
        places: Of the points, in data coordinates.
        names: One a point.
        keep_free: Texts that are there already.
        **style: As `Axes.annotate` takes it.
    """
    renderer = _drawn(axes)
    pixels = axes.transData.transform(places)
    taken = [_around(*place) for place in pixels]
    taken += [text.get_window_extent(renderer) for text in keep_free]
    for number in range(len(names)):
        for offset in _offsets():
            text = _annotated(axes, names[number], places[number], offset, style)
            box = _extent(text, renderer)
            if _is_free(box, taken, axes.bbox):
                break
            text.remove()
        else:
            text = _annotated(axes, names[number], places[number], next(_offsets()), style)
            box = _extent(text, renderer)
        taken.append(box)


def _drawn(axes: Axes) -> Any:
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    axes.figure.set_layout_engine("none")  # what was measured stays where it is
    return canvas.get_renderer()


def _offsets() -> Any:
    for distance in _DISTANCES:
        for angle in _DIRECTIONS:
            turn = math.radians(angle)
            yield distance * math.cos(turn), distance * math.sin(turn)


def _annotated(
    axes: Axes, name: str, place: Any, offset: tuple[float, float], style: dict[str, Any]
) -> Any:
    right, up = offset
    sideways = "center" if abs(right) < 1 else "left" if right > 0 else "right"
    along = "center" if abs(up) < abs(right) else "bottom" if up > 0 else "top"
    line = {"arrowstyle": "-", "color": "#aaaaaa", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 4}
    return axes.annotate(
        name,
        place,
        xytext=offset,
        textcoords="offset points",
        ha=sideways,
        va=along,
        path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.8)],
        arrowprops=line if math.hypot(*offset) > _LINE_FROM else None,
        **style,
    )


def _extent(text: Any, renderer: Any) -> Bbox:
    """Of the words, without the line to their point."""
    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def _around(x: float, y: float) -> Bbox:
    return Bbox.from_extents(x - _MARKER, y - _MARKER, x + _MARKER, y + _MARKER)


def _is_free(box: Bbox, taken: Sequence[Bbox], inside: Bbox) -> bool:
    within = box.x0 >= inside.x0 and box.x1 <= inside.x1
    within = within and box.y0 >= inside.y0 and box.y1 <= inside.y1
    return within and not box.count_overlaps(taken)
