"""Metric results over all replicas, with one all-reduce at the end of an execution.

Symptom: with uneven batches the metrics that `fit` and `evaluate` report are biased, and metrics
that are not means (AUC, precision, ...) are wrong even with even ones.
Cause: each replica computes the result of its own state, and Keras takes their plain mean.
Upstream: keras#21467, keras#20601. Versions: seen in Keras 3.12.4 and 3.15.1.

A step returns results of metrics and, where users wrote it, numbers of their own. `StepLogs`
notes which is which while the step runs. States of metrics are summed and the result is computed
from the sums; any other number is averaged, weighted by the rows it stands for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.keras_bridge.replication import sum_over_replicas
from tftrain.distribute.keras_bridge.row_share import RowShare
from tftrain.keras_api import keras, tf


class StepLogs:
    """Notes the metric results of one run of a step, and makes them those of all replicas.

    Args:
        model: The model whose metrics the step may return.
    """

    def __init__(self, model: Any) -> None:
        self._metrics = _leaf_metrics(model)
        self._sources: dict[int, tuple[Any, Any, str | None]] = {}

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Within the block, notes what `metric.result()` returns."""
        for metric in self._metrics:
            metric.__dict__["result"] = self._noting(metric)
        try:
            yield
        finally:
            for metric in self._metrics:
                metric.__dict__.pop("result", None)

    def _noting(self, metric: Any) -> Callable[[], Any]:
        def result() -> Any:
            value = _own_result(metric)
            for key, leaf in value.items() if isinstance(value, dict) else [(None, value)]:
                # the tensor is kept as well, so that its id is not used again
                self._sources[id(leaf)] = (leaf, metric, key)
            return value

        return result

    def over_replicas(self, outputs: Any, share: RowShare) -> Any:
        """Gives `outputs` of a step in this replica the values over all replicas.

        Args:
            outputs: What the step returned, nested.
            share: The rows behind it.

        Returns:
            The same structure, equal on every replica. Call it in a replica context.
        """
        leaves = keras.tree.flatten(outputs)
        metrics = self._metrics_behind(leaves)
        states = [variable for metric in metrics for variable in _summed_variables(metric)]
        others = [leaf for leaf in leaves if id(leaf) not in self._sources and leaf is not None]
        sums = sum_over_replicas(
            [tf.convert_to_tensor(state.value) for state in states]
            + [share.weigh(_as_float(other)) for other in others]
        )
        results = _results(metrics, list(zip(states, sums[: len(states)], strict=True)))
        means = iter(sums[len(states) :])
        replaced = [self._replaced(leaf, results, means) for leaf in leaves]
        return keras.tree.pack_sequence_as(outputs, replaced)

    def _metrics_behind(self, leaves: list[Any]) -> list[Any]:
        found = [self._sources[id(leaf)][1] for leaf in leaves if id(leaf) in self._sources]
        return list({id(metric): metric for metric in found}.values())

    def _replaced(self, leaf: Any, results: dict[int, Any], means: Iterator[Any]) -> Any:
        if leaf is None:
            return None
        if id(leaf) not in self._sources:
            return _like(next(means), leaf)
        _, metric, key = self._sources[id(leaf)]
        return results[id(metric)] if key is None else results[id(metric)][key]


@contextlib.contextmanager
def counted_once(model: Any, share: RowShare) -> Iterator[None]:
    """Undoes, after the block, what a replica with a copy of the batch added to metrics."""
    if share.is_copy is None:
        yield
        return
    states = [v for metric in model.metrics for v in metric.variables if v.aggregation == "sum"]
    before = [tf.identity(state.value) for state in states]
    yield

    def restore() -> None:
        for state, value in zip(states, before, strict=True):
            state.assign(value)

    tf.cond(share.is_copy, restore, lambda: None)


def _leaf_metrics(model: Any) -> list[Any]:
    """The metrics whose results end up in logs, with those inside compiled ones."""
    found: dict[int, Any] = {}

    def visit(metric: Any) -> None:
        found[id(metric)] = metric
        for inner in metric.metrics if hasattr(metric, "metrics") else metric._metrics:
            visit(inner)

    for metric in model.metrics:
        visit(metric)
    return [metric for metric in found.values() if not hasattr(metric, "metrics")]


def _own_result(metric: Any) -> Any:
    return type(metric).result(metric)


def _summed_variables(metric: Any) -> list[Any]:
    return [variable for variable in metric.variables if variable.aggregation == "sum"]


def _results(metrics: list[Any], mapping: list[tuple[Any, Any]]) -> dict[int, Any]:
    with keras.StatelessScope(state_mapping=mapping):
        return {id(metric): _own_result(metric) for metric in metrics}


def _as_float(leaf: Any) -> Any:
    tensor = tf.convert_to_tensor(leaf)
    return tensor if tensor.dtype.is_floating else tf.cast(tensor, tf.float32)


def _like(mean: Any, leaf: Any) -> Any:
    dtype = tf.convert_to_tensor(leaf).dtype
    return mean if dtype.is_floating else tf.cast(tf.round(mean), dtype)
