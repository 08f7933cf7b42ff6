"""A training function with a look at where its batches come from."""

from __future__ import annotations

import time
from typing import Any

from tftrain.distribute.local_sgd import is_local_sgd
from tftrain.distribute.parameter_server import is_parameter_server


class WatchedSteps:
    """What `model.train_function` is while it is watched; it does what it did before.

    Args:
        function: The model's training function.

    Attributes:
        function: It.
        iterator: What it last had its batches from; None before the first call.
        called: When it was last called, by `time.perf_counter`.
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        self.iterator: Any = None
        self.called = 0.0

    def __call__(self, iterator: Any) -> Any:
        """See the function."""
        self.iterator, self.called = iterator, time.perf_counter()
        return self.function(iterator)


def watch(model: Any) -> WatchedSteps:
    """Watches the steps of a model from now on.

    Under parameter servers and local SGD, whose steps are not taken here, nothing will be seen.
    """
    unwatch(model)  # a training that an error has ended
    watched = WatchedSteps(model.train_function)
    strategy = model.distribute_strategy
    if not is_parameter_server(strategy) and not is_local_sgd(strategy):
        model.train_function = watched
    return watched


def unwatch(model: Any) -> None:
    """Gives a model its own training function back, if it is watched."""
    if isinstance(model.train_function, WatchedSteps):
        model.train_function = model.train_function.function
