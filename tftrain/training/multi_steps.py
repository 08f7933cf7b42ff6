"""Several steps an execution, for `fit` alone, under any strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class MultiSteps:
    """What `model.train_function` or `model.test_function` is in the engine `multi_step`.

    Keras has a loop for several steps of which `steps_per_execution` is the length, and the
    repairs have another for replicas. That setting of the model is theirs only during the call,
    since `predict` would heed it too.

    Args:
        model: A compiled model.
        step: `model.train_step` or `model.test_step`.
        steps: How many at a time.
    """

    def __init__(self, model: Any, step: Callable[[Any], Any], steps: int) -> None:
        self._model, self._steps = model, steps
        self._several = type(model)._make_function(model, step)
        self._keras = type(model)._make_function(model, step)

    def __call__(self, iterator: Iterable[Any]) -> Any:
        """Runs up to so many batches of `Several`, and of anything else as many as Keras does."""
        if not isinstance(iterator, Several):
            return self._keras(iterator)
        kept, self._model.steps_per_execution = self._model.steps_per_execution, self._steps
        try:
            return self._several(iterator.source)
        finally:
            self._model.steps_per_execution = kept


class Several:
    """An iterator of batches of which several are to be taken at a time."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self.source)


def enumerate_several(steps: int, epochs: Any, keras_enumeration: Callable[..., Any]) -> Any:
    """The steps of one epoch, so many at a time, as (first batch, last batch, iterator)."""
    epochs.steps_per_execution = steps
    batches = epochs.num_batches
    for begin, end, iterator in keras_enumeration(epochs):
        yield begin, min(end, batches - 1) if batches else end, Several(iterator)
