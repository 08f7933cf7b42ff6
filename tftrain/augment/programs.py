"""Functions compiled by XLA, each as a program of its own.

Compiled loops over pixels are several times faster than TensorFlow's operations one by one. But
XLA on CPUs fuses without measure: in one program, a random number of an image is hashed again for
each of its pixels, and mixup warps every image twice. So an augmentation is cut where a small or
shared result is to be computed once: numbers first, then the loop over pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from tftrain.keras_api import tf

F = TypeVar("F", bound=Callable)


def compiled(function: F) -> F:
    """The function of tensors as an XLA program, made when first called.

    Arguments that are not tensors are constants of the program. A program is compiled for each
    shape it meets. `tf.config.run_functions_eagerly(True)` turns programs off, to debug.
    """

    @functools.cache
    def program() -> Callable:
        return tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*arguments, **settings):  # noqa: ANN002, ANN003, ANN202 - those of `function`
        return program()(*arguments, **settings)

    return call
