"""Keras's optimizers whose weight decay leaves biases and normalization alone, saved or not.

`exclude_from_weight_decay` of Keras is not part of an optimizer's configuration, so a loaded
model would decay what the saved one spared; and it must be told the variables, which do not exist
yet when an optimizer is made. These subclasses choose when they are built, every time.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from tftrain.keras_api import keras
from tftrain.optim.decayed_variables import takes_decay


class SelectiveDecay:
    """Mixed into an optimizer, lets weight decay act on kernels and embeddings alone."""

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Notes which variables decay."""
        # Past Keras's tracking, which would take the set for state.
        self.__dict__["_decayed"] = {self._var_key(v) for v in variables if takes_decay(v)}
        super().build(variables)

    def _use_weight_decay(self, variable: Any) -> bool:
        decayed = self.__dict__["_decayed"]
        return self._var_key(variable) in decayed and super()._use_weight_decay(variable)


@functools.cache
def selective(class_name: str) -> type[keras.optimizers.Optimizer]:
    """The subclass of a Keras optimizer, by that one's name.

    Example:
        >>> selective("SGD").__mro__[2] is keras.optimizers.SGD
        True
    """
    original = getattr(keras.optimizers, class_name)
    # Not under the original's own name: Keras would load the original instead.
    made = type(f"Selective{class_name}", (SelectiveDecay, original), {"__module__": __name__})
    return keras.saving.register_keras_serializable("tftrain")(made)


def originals() -> list[type[keras.optimizers.Optimizer]]:
    """The classes of optimizers that Keras has."""
    return [
        value
        for value in vars(keras.optimizers).copy().values()
        if isinstance(value, type) and issubclass(value, keras.optimizers.Optimizer)
    ]


def register() -> list[type[keras.optimizers.Optimizer]]:
    """Makes Keras know the subclass of every optimizer it has; gives them."""
    return [selective(original.__name__) for original in originals()]
