"""What each setting of an augmentation may be; stated once for functions and command line."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tftrain.errors import BadInput


class Limit(NamedTuple):
    """The type of a setting and the range it must lie in, both ends included."""

    type: type
    least: float
    most: float = math.inf

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value, or None."""
        whole = isinstance(value, int) or self.type is float
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number and whole and self.least <= value <= self.most and math.isfinite(value):
            return None
        kind = "a whole number" if self.type is int else "a number"
        end = "or more" if self.most == math.inf else f"to {self.most:g}"
        return f"expected {kind}, {self.least:g} {end}"


# The first setting of a name is the one that `name:number` sets on the command line.
LIMITS: dict[str, dict[str, Limit]] = {
    "flip": {},
    "crop": {"padding": Limit(int, 0)},
    "translate": {"amount": Limit(float, 0, 1)},
    "rotate": {"degrees": Limit(float, 0, 180)},
    "affine": {
        "degrees": Limit(float, 0, 180),
        "scale": Limit(float, 0, 0.9),
        "shear": Limit(float, 0, 1),
    },
    "elastic": {"amount": Limit(float, 0, 1), "smoothness": Limit(float, 0.01, 1)},
    "brightness": {"amount": Limit(float, 0, 1)},
    "contrast": {"amount": Limit(float, 0, 1)},
    "saturation": {"amount": Limit(float, 0, 1)},
    "hue": {"amount": Limit(float, 0, 0.5)},
    "cutout": {"size": Limit(float, 0, 1), "fill": Limit(float, 0, 1)},
    "mixup": {"alpha": Limit(float, 0, 100)},
    "cutmix": {"alpha": Limit(float, 0, 100)},
    "rand_augment": {"magnitude": Limit(float, 0, 10), "layers": Limit(int, 0)},
    "smooth_labels": {"amount": Limit(float, 0, 1)},
    "flip_labels": {"amount": Limit(float, 0, 1)},
}


def check(name: str, **settings: Any) -> None:
    """Raises BadInput if a setting of the augmentation `name` is outside its limits."""
    for setting, value in settings.items():
        problem = LIMITS[name][setting].problem(value)
        if problem:
            raise BadInput(f"{name}: {setting} is {value!r}; {problem}")
