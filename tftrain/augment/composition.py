"""Several augmentations as one function; moves in a row become one resampling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tftrain.augment import images as image_batches
from tftrain.augment import moves, randomness, steps
from tftrain.augment.images import from_unit, to_unit
from tftrain.augment.moves import Augmented
from tftrain.errors import BadInput
from tftrain.keras_api import tf


class Composition:
    """Augmentations in order; called as `(images, labels, seed, index=None)`. See `compose`."""

    def __init__(self, written: Sequence[steps.Step], dtype: str | None) -> None:
        self._steps = tuple(written)
        self._dtype = dtype
        self._parts = _parts(self._steps)

    @property
    def mixes_labels(self) -> bool:
        """Whether labels come out as probabilities `[B, K]`: train on categorical crossentropy."""
        return any(step.mixes_labels for step in self._steps)

    def __call__(self, images: Any, labels: Any, seed: Any, index: Any = None) -> Augmented:
        """Augments a batch.

        Args:
            images: `[B, H, W, C]`, uint8, or float in [0, 1].
            labels: What the steps take; any tensors, or None, if no step changes labels.
            seed: Integers of shape [] or [2], such as [seed, step].
            index: The examples' numbers, integers `[B]`; 0 to B-1 by default.

        Returns:
            Images of the same shape and of the type asked for, and labels.

        Raises:
            BadInput: Images, labels, seed or index are not as described.
        """
        images = image_batches.checked(images)
        index = image_batches.numbers(index, images)
        if isinstance(labels, list):  # as tf.data has it: lists are tensors, tuples are structure
            labels = tf.convert_to_tensor(labels)
        return self._function(images, labels, randomness.another(seed, 0), index)

    def __repr__(self) -> str:
        written = ", ".join(
            getattr(step.function, "__name__", repr(step.function))
            + "".join(f" {name}={value}" for name, value in step.settings.items())
            for step in self._steps
        )
        return f"compose({written})"

    @functools.cached_property
    def _function(self) -> Callable[..., Augmented]:
        return tf.function(self._augmented, autograph=False)

    def _augmented(
        self, images: tf.Tensor, labels: Any, seed: tf.Tensor, index: tf.Tensor
    ) -> Augmented:
        given = images.dtype
        for part in self._parts:
            images, labels = part(images, labels, seed, index)
        wanted = tf.as_dtype(self._dtype or given)
        if images.dtype != wanted:
            images = from_unit(to_unit(images), wanted)
        return images, labels


def compose(
    augmentations: str | Callable[..., Any] | Iterable[str | Callable[..., Any]],
    *more: str | Callable[..., Any],
    classes: int | None = None,
    dtype: str | None = None,
) -> Composition:
    """One function out of several augmentations, done in the order given.

    Moves that follow one another (flip, crop, translate, rotate, affine) with the same border are
    multiplied and resampled once, which is faster, and sharper than interpolating again and
    again; flips and crops alone copy pixels exactly. Between other steps pixels are float32 in
    [0, 1], rounded once at the end.

    Each step draws from the seed under its own name, so `compose(("hue", "cutout"))(x, y, seed)`
    is `cutout(*hue(x, y, seed), seed)`, to rounding; a step written twice draws anew.

    Args:
        augmentations: One step, or several: names (`"flip"`), a name and its main setting
            (`"crop:4"`), functions, partials with settings (`functools.partial(flip,
            vertical=True)`), or functions of your own called as `f(images, labels, seed,
            index=index)` on float32 images in [0, 1]. One that gives probabilities as labels must
            say so by an attribute `mixes_labels = True`.
        *more: Further steps.
        classes: Number of classes, for steps that change integer labels.
        dtype: Type of the images that come out, e.g. "float32", in [0, 1], for uint8 images that
            are to be trained on; None keeps the type.

    Raises:
        UnknownName: No such augmentation, setting or border.
        BadInput: A setting outside its limits, no step at all, or a type that images cannot have.

    Example:
        >>> import numpy as np
        >>> augment = compose(("flip", "crop:2", "mixup"), classes=10, dtype="float32")
        >>> augment.mixes_labels
        True
        >>> images, labels = augment(np.zeros((4, 8, 8, 1), np.uint8), [3, 1, 4, 1], seed=0)
        >>> images.dtype.name, labels.shape
        ('float32', TensorShape([4, 10]))
    """
    single = isinstance(augmentations, str) or callable(augmentations)
    written = [*([augmentations] if single else augmentations), *more]
    if not written:
        raise BadInput("nothing to compose; expected at least one augmentation")
    if dtype is not None and dtype not in image_batches.DTYPES:
        raise BadInput(
            f"dtype is {dtype!r}; expected one of {', '.join(image_batches.DTYPES)}, or None"
        )
    return Composition([steps.step(one, classes) for one in written], dtype)


def by_name(text: str, **options: Any) -> Composition:
    """A composition as the command line writes it.

    Args:
        text: Names joined by commas, each with its main setting if need be:
            `flip,crop:4,mixup:0.2`.
        **options: As for `compose`.

    Raises:
        UnknownName: No such augmentation.
        BadInput: A number that is none, or lies outside its limits.
    """
    return compose(text.split(","), **options)


def check_names(text: str) -> None:
    """Raises what `by_name` would raise of `text`; TensorFlow is not loaded."""
    for one in text.split(","):
        steps.step(one)


def _parts(written: Sequence[steps.Step]) -> list[Callable[..., Augmented]]:
    """The steps as functions of (images, labels, seed, index), joined moves as one of them."""
    parts: list[Callable[..., Augmented]] = []
    joined: list[tuple[moves.Move, int]] = []

    def close() -> None:
        if joined:
            these, repetitions = zip(*joined, strict=True)
            parts.append(functools.partial(_moved, these, repetitions))
            joined.clear()

    for place, step in enumerate(written):
        repetition = [before.function for before in written[:place]].count(step.function)
        move = step.move()
        if move is None:
            close()
            parts.append(functools.partial(_stepped, step, repetition))
            continue
        if len({one.border for one in (move, *(m for m, _ in joined)) if one.border}) > 1:
            close()
        joined.append((move, repetition))
    close()
    return parts


def _moved(
    these: Sequence[moves.Move],
    repetitions: Sequence[int],
    images: tf.Tensor,
    labels: Any,
    seed: tf.Tensor,
    index: tf.Tensor,
) -> Augmented:
    return moves.moved(these, images, labels, seed, index, repetitions, dtype="float32")


def _stepped(
    step: steps.Step,
    repetition: int,
    images: tf.Tensor,
    labels: Any,
    seed: tf.Tensor,
    index: tf.Tensor,
) -> Augmented:
    seed = randomness.another(seed, repetition)
    return step.function(to_unit(images), labels, seed, index=index, **step.settings)
