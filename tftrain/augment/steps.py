"""The augmentations by name, and how the steps of a composition are written down."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from tftrain.augment import color, erasing, geometry, labels, mixing, moves, policies, warping
from tftrain.augment.resampling import check_border
from tftrain.augment.settings import LIMITS, check
from tftrain.errors import BadInput, UnknownName

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "affine": geometry.affine,
    "brightness": color.brightness,
    "contrast": color.contrast,
    "crop": geometry.crop,
    "cutmix": mixing.cutmix,
    "cutout": erasing.cutout,
    "elastic": warping.elastic,
    "flip": geometry.flip,
    "flip_labels": labels.flip_labels,
    "hue": color.hue,
    "mixup": mixing.mixup,
    "rand_augment": policies.rand_augment,
    "rotate": geometry.rotate,
    "saturation": color.saturation,
    "smooth_labels": labels.smooth_labels,
    "translate": geometry.translate,
}
_MOVES: dict[Callable[..., Any], Callable[..., moves.Move]] = {
    geometry.affine: moves.affine,
    geometry.crop: moves.crop,
    geometry.flip: moves.flip,
    geometry.rotate: moves.rotate,
    geometry.translate: moves.translate,
}


class Step(NamedTuple):
    """One augmentation with its settings.

    Attributes:
        function: Called as `function(images, labels, seed, index=index, **settings)`.
        settings: Keyword settings; those of our own functions complete with their defaults.
        name: Its name, if it is one of `names()`.
    """

    function: Callable[..., Any]
    settings: dict[str, Any]
    name: str | None

    @property
    def mixes_labels(self) -> bool:
        """Whether it gives labels as probabilities."""
        return "classes" in self.settings or bool(getattr(self.function, "mixes_labels", False))

    def move(self) -> moves.Move | None:
        """The step as a move that can be joined with others, if it is one."""
        make = _MOVES.get(self.function)
        return make(**self.settings) if make else None


def names() -> tuple[str, ...]:
    """The known names.

    Example:
        >>> names()[:4]
        ('affine', 'brightness', 'contrast', 'crop')
    """
    return tuple(FUNCTIONS)


def step(written: str | Callable[..., Any], classes: int | None = None) -> Step:
    """A step from how it is written.

    Args:
        written: A name; a name and a number, such as `crop:4`, that sets the augmentation's main
            setting; or a function of `(images, labels, seed, index=)`, alone or in a
            `functools.partial` with its settings.
        classes: Number of classes, for those that need it.

    Raises:
        UnknownName: No such name.
        BadInput: A setting that does not exist or lies outside its limits, or not a step at all.
    """
    if isinstance(written, str):
        written = _parsed(written)
    function, given = written, {}
    if isinstance(written, functools.partial):
        if written.args:
            raise BadInput(f"{written} fixes positional arguments; expected keyword settings only")
        function, given = written.func, written.keywords
    if not callable(function):
        raise BadInput(f"a step is {written!r}; expected a name, a function or a partial of one")
    known = [name for name, ours in FUNCTIONS.items() if ours is function]
    if not known:
        return Step(function, dict(given), None)
    return Step(function, _complete(known[0], function, given, classes), known[0])


def _parsed(text: str) -> functools.partial:
    name, colon, number = text.strip().partition(":")
    if name not in FUNCTIONS:
        raise UnknownName("augmentation", name, FUNCTIONS)
    if not colon:
        return functools.partial(FUNCTIONS[name])
    if not LIMITS[name]:
        raise BadInput(f"{text!r}: {name} takes no number: write {name!r}")
    main, limit = next(iter(LIMITS[name].items()))
    try:
        value = limit.type(number)
    except ValueError:
        value = number
    problem = limit.problem(value)
    if problem:
        raise BadInput(f"{text!r}: the {main} of {name} is {number!r}; {problem}")
    return functools.partial(FUNCTIONS[name], **{main: value})


def _complete(
    name: str, function: Callable[..., Any], given: dict[str, Any], classes: int | None
) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    settings = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "index"
    }
    for setting in given:
        if setting not in settings:
            raise UnknownName(f"setting of {name}", setting, settings)
    settings |= given
    if "classes" in settings and settings["classes"] is None:
        settings["classes"] = classes
    check(name, **{limited: settings[limited] for limited in LIMITS[name]})
    if "border" in settings:
        check_border(settings["border"])
    return settings
