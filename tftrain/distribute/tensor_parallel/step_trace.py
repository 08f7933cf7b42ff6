"""The values of variables while a step is traced: each read once before it, written once after.

DTensor does not keep the order of reads and writes of a variable within a function: a metric may
be read before it is updated, a weight before its decay. Here a step has no such order to keep.
While it is traced, a variable's value is a tensor, and an assignment another one; a condition is
a choice between values.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.errors import StrategyError
from tftrain.keras_api import tf

_current: StepTrace | None = None


def current() -> StepTrace | None:
    """The step that is being traced, if one is."""
    return _current


class StepTrace:
    """What variables hold within the step that is traced in the current graph.

    Args:
        strategy: Whose step it is.
        batch_axis: The mesh's axis that the batch is cut over, or None if it is whole everywhere.
    """

    def __init__(self, strategy: Any, batch_axis: str | None) -> None:
        self.strategy = strategy
        self.batch_axis = batch_axis
        self._graph = tf.compat.v1.get_default_graph()
        self._before: dict[int, tuple[Any, Any]] = {}  # variable and value, by identity
        self._values: dict[int, Any] = {}

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Within the block variables read and write here, and `tf.cond` chooses values."""
        global _current
        outer, cond = _current, tf.cond
        _current, tf.cond = self, self.choose
        try:
            yield
        finally:
            _current, tf.cond = outer, cond

    def read(self, variable: Any) -> Any:
        """What the variable holds at this point of the step."""
        if id(variable) not in self._before:
            with self._graph.as_default():
                value = variable.stored()
            self._before[id(variable)] = (variable, value)
        return self._values.get(id(variable), self._before[id(variable)][1])

    def write(self, variable: Any, value: Any) -> None:
        """What the variable holds from this point on."""
        if tf.compat.v1.get_default_graph() is not self._graph:
            raise StrategyError(
                f"the step assigns variable {variable.name!r} within a loop or a tf.function of "
                "its own, which model_parallel cannot order: assign it in the step itself"
            )
        self.read(variable)
        self._values[id(variable)] = value

    def store(self) -> list[tuple[Any, Any]]:
        """Writes what has changed, at the step's end.

        Returns:
            Variables whose new value does not come from the old one, each with it: they must be
            written after the step, since nothing would keep the write behind the read.
        """
        late = []
        reads = {self._before[key][1].op: 1 << place for place, key in enumerate(self._values)}
        known = _sources(self._graph, reads)
        for place, (key, value) in enumerate(self._values.items()):
            variable, before = self._before[key]
            if value is before:
                continue
            value = variable.laid_out(value)
            if known.get(value.op.inputs[0].op, 0) >> place & 1:
                variable.store(value)
            else:
                late.append((variable, value))
        return late

    def choose(
        self,
        pred: Any,
        true_fn: Callable[[], Any] | None = None,
        false_fn: Callable[[], Any] | None = None,
        name: str | None = None,
    ) -> Any:
        """Stands for `tf.cond`: both branches are taken, and one of each two values."""
        pred, before = tf.convert_to_tensor(pred), dict(self._values)
        first = true_fn()
        held, self._values = self._values, before
        second = false_fn()
        for key in {**held, **self._values}:
            old = self._before[key][1]
            self._values[key] = _either(pred, held.get(key, old), self._values.get(key, old))
        return tf.nest.map_structure(lambda a, b: _either(pred, a, b), first, second)


def _either(pred: Any, first: Any, second: Any) -> Any:
    if first is second or first is None:
        return first
    return tf.where(pred, tf.convert_to_tensor(first), tf.convert_to_tensor(second))


def _sources(graph: Any, reads: dict[Any, int]) -> dict[Any, int]:
    """Which of the reads each operation comes from, as a set of bits; in the graph's order."""
    known: dict[Any, int] = {}
    for operation in graph.get_operations():
        bits = reads.get(operation, 0)
        for given in operation.inputs:
            bits |= known.get(given.op, 0)
        known[operation] = bits
    return known
