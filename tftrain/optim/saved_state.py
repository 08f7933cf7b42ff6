"""The codec's state in files: beside the optimizer's, so that one can be read without the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tftrain.keras_api import keras
from tftrain.optim.codecs.replica_state import restore

# What `.keras` files and weights files look for among an optimizer's attributes.
_Saveable = next(each for each in keras.optimizers.Optimizer.__mro__ if "Saveable" in each.__name__)


class SavedState(_Saveable):
    """Saves and restores variables that an optimizer has and a plain one has not.

    Attributes:
        variables: The codec's state, which is also among the optimizer's variables.
    """

    def __init__(self, optimizer: Any) -> None:
        self._owner = lambda: optimizer  # not itself: files would be written round in circles
        self.variables: list[Any] = []

    def _obj_type(self) -> str:
        return "Metric"  # one of the kinds that Keras knows

    def save_plain(self, store: Any) -> None:
        """Saves the optimizer's variables as it would without a codec."""
        for position, variable in enumerate(self._plain_variables()):
            store[str(position)] = variable.numpy()

    def load_plain(self, store: Any) -> None:
        """Restores what `save_plain`, or the optimizer without a codec, has saved."""
        _load(self._plain_variables(), store, f"optimizer {self._owner().name!r}")

    def _plain_variables(self) -> list[Any]:
        state = {id(variable) for variable in self.variables}
        return [each for each in self._owner().variables if id(each) not in state]

    def save_own_variables(self, store: Any) -> None:
        """Saves the codec's state."""
        for position, variable in enumerate(self.variables):
            store[str(position)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Restores the codec's state; a file without any leaves it as it is, at its beginning."""
        if len(store.keys()):
            _load(self.variables, store, "gradient codec", restore)


def _load(
    variables: Sequence[Any],
    store: Any,
    what: str,
    assign: Callable[[Any, Any], None] = keras.Variable.assign,
) -> None:
    if len(store.keys()) != len(variables):
        warnings.warn(
            f"the state of {what} is not restored: the file holds {len(store.keys())} variables, "
            f"expected {len(variables)}",
            stacklevel=4,
        )
        return
    for position, variable in enumerate(variables):
        assign(variable, store[str(position)])
