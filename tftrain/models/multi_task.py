"""One trunk with a head for each of several tasks."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tftrain.errors import BadInput, ConfigError
from tftrain.keras_api import keras

if TYPE_CHECKING:
    from tftrain.models.weighted_tasks import WeightedTasks

UNCERTAINTY = "uncertainty"


def multi_task(
    trunk: keras.Model,
    heads: Mapping[str, int | keras.layers.Layer],
    *,
    weights: str | None = None,
    largest_weight: float = 100.0,
) -> keras.Model:
    """Puts a head for each task on what a trunk gives.

    The outputs are a dict by task, and so are labels, losses, metrics and sample weights. A sample
    weight of 0 says that an example has no label of that task (`tftrain.data.known_labels`).

    Args:
        trunk: A Functional or Sequential model with one output; its layers become the new
            model's.
        heads: By task a number of classes, 2 or more, for a dense layer with softmax, or a layer
            or model of your own, such as `keras.layers.Dense(1)` for a number.
        weights: None for Keras's own: all losses count alike, or as `compile(loss_weights=)` says.
            "uncertainty" learns them, see `learn_task_weights`.
        largest_weight: Of those that are learned.

    Returns:
        An uncompiled model of what the trunk takes, whose output is a dict of `[B, ...]` by task.

    Raises:
        ConfigError: The trunk or a head cannot be used.
        BadInput: The weights are unknown, or the largest is below 1.

    Reference: Caruana, *Multitask Learning*, Machine Learning 28, 1997.

    Example:
        >>> trunk = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, "relu")])
        >>> model = multi_task(trunk, {"digit": 10, "size": keras.layers.Dense(1)})
        >>> {task: answers.shape for task, answers in model.output.items()}
        {'digit': (None, 10), 'size': (None, 1)}
    """
    if weights not in (None, UNCERTAINTY):
        raise BadInput(
            f"weights is {weights!r}; expected None or {UNCERTAINTY!r} (numbers of your own go to "
            "compile(loss_weights=))"
        )
    problems = [*_trunk_problems(trunk), *_head_problems(heads)]
    if problems:
        raise ConfigError(problems)
    graph = _graph(trunk)
    outputs = {task: _answer(task, head, graph.output) for task, head in heads.items()}
    model = keras.Model(graph.input, outputs)
    return model if weights is None else learn_task_weights(model, largest_weight=largest_weight)


def learn_task_weights(model: keras.Model, *, largest_weight: float = 100.0) -> WeightedTasks:
    """A model of the same layers whose tasks' weights are learned along with them.

    A task's loss is multiplied by exp(-s), and s added to it; the log variance s is a trainable
    number a task. It moves to the logarithm of the task's loss, so that losses of unlike size, such
    as a cross-entropy and squared millimetres, come to count alike. `fit` shows the weights as
    `NAME_weight`, `model.task_weights()` gives them. The total may be negative. With plain gradient
    descent a weight above 1 is also a higher learning rate.

    Args:
        model: A Functional model whose outputs are a dict by task.
        largest_weight: No weight gets above this one, at least 1: a task that is solved would
            otherwise be weighed ever more.

    Returns:
        An uncompiled model, which shares its layers with the given one.

    Raises:
        BadInput: The outputs are no dict, or the largest weight is below 1.

    Reference: Kendall, Gal and Cipolla, *Multi-Task Learning Using Uncertainty to Weigh Losses for
    Scene Geometry and Semantics*, 2018.

    Example:
        >>> taken = keras.Input((8,))
        >>> both = {"a": keras.layers.Dense(1)(taken), "b": keras.layers.Dense(1)(taken)}
        >>> learn_task_weights(keras.Model(taken, both)).task_weights()
        {'a': 1.0, 'b': 1.0}
    """
    from tftrain.models.weighted_tasks import WeightedTasks  # loads Keras

    if largest_weight < 1:
        raise BadInput(f"largest_weight is {largest_weight}; expected at least 1")
    graph = _graph(model)
    if graph is None or not isinstance(graph.output, Mapping):
        raise BadInput(
            f"the model {model.name!r} does not give a dict of outputs by task: make it with "
            "tftrain.models.multi_task, or with keras.Model(inputs, {task: output, ...})"
        )
    return WeightedTasks(graph.input, graph.output, largest_weight=largest_weight)


def _graph(model: Any) -> Any:
    """A model as a graph that has inputs and outputs; None if it is none."""
    graph = getattr(model, "_functional", model)  # of a Sequential model, None until it is built
    return graph if isinstance(graph, keras.src.models.functional.Functional) else None


def _answer(task: str, head: Any, features: Any) -> Any:
    if isinstance(head, numbers.Integral):
        return keras.layers.Dense(int(head), activation="softmax", name=task)(features)
    answer = head(features)
    return answer if head.name == task else keras.layers.Identity(name=task)(answer)


def _trunk_problems(trunk: Any) -> list[str]:
    graph = _graph(trunk)
    if graph is None:
        return [
            f"the trunk is a {type(trunk).__name__}; expected a Functional model, or a Sequential "
            "one that begins with keras.Input"
        ]
    if keras.tree.is_nested(graph.output):
        count = len(keras.tree.flatten(graph.output))
        return [
            f"the trunk {trunk.name!r} has {count} outputs; expected one, not in a list or dict"
        ]
    return []


def _head_problems(heads: Any) -> list[str]:
    if not isinstance(heads, Mapping) or not heads:
        received = "an empty dict" if isinstance(heads, Mapping) else f"a {type(heads).__name__}"
        return [f"heads is {received}; expected a dict with a head for each task, as {{'a': 10}}"]
    wrong = []
    for task, head in heads.items():
        if not isinstance(task, str) or not task or "/" in task:
            wrong.append(f"a task is called {task!r}; expected a name without '/'")
        if isinstance(head, bool) or not isinstance(head, (numbers.Integral, keras.layers.Layer)):
            wrong.append(f"head of {task!r}: a {type(head).__name__}; expected a number or a layer")
        elif isinstance(head, numbers.Integral) and head < 2:
            wrong.append(
                f"head of {task!r}: {head} classes; expected 2 or more, or a layer such as "
                "keras.layers.Dense(1)"
            )
    return wrong
