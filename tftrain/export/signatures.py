"""What each signature of an export computes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tftrain.export import example_records, image_bytes
from tftrain.export.class_labels import ClassLabels, score_columns
from tftrain.export.signature_choice import BYTES, CLASSIFY, DEFAULT, REGRESS
from tftrain.export.traced_model import TracedModel
from tftrain.keras_api import tf


def functions(
    names: Collection[str], traced: TracedModel, labels: ClassLabels | None
) -> dict[str, Any]:
    """The signatures' functions, traced.

    Args:
        names: As chosen.
        traced: The model.
        labels: The table, if there are labels.
    """
    strings = tf.TensorSpec((None,), tf.string)
    raw = traced.served.raw
    made: dict[str, tuple[Callable[..., Any], Mapping[str, Any]]] = {
        DEFAULT: (lambda **given: _labelled(traced, labels, given), raw),
        BYTES: (
            lambda **given: _labelled(traced, labels, _from_bytes(traced, given)),
            {image_bytes.INPUT: strings},
        ),
        CLASSIFY: (
            lambda **given: _classified(traced, labels, given),
            {example_records.INPUT: strings},
        ),
        REGRESS: (lambda **given: _regressed(traced, given), {example_records.INPUT: strings}),
    }
    return {name: _concrete(*made[name]) for name in names}


def _concrete(function: Callable[..., Any], specs: Mapping[str, Any]) -> Any:
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}
    return tf.function(function, autograph=False).get_concrete_function(**named)


def _labelled(
    traced: TracedModel, labels: ClassLabels | None, raw: Mapping[str, Any]
) -> dict[str, Any]:
    outputs = dict(traced.function(**raw))
    return {**outputs, **(labels.best(outputs[traced.only]) if labels else {})}


def _from_bytes(traced: TracedModel, given: Mapping[str, Any]) -> dict[str, Any]:
    ((name, spec),) = traced.served.raw.items()
    return {name: image_bytes.decoded(given[image_bytes.INPUT], spec)}


def _from_examples(traced: TracedModel, given: Mapping[str, Any]) -> Any:
    raw = example_records.parsed(given[example_records.INPUT], traced.served.raw)
    return traced.function(**raw)[traced.only]


def _classified(
    traced: TracedModel, labels: ClassLabels | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    scores = score_columns(_from_examples(traced, given))
    if labels:
        return {"classes": labels.every(scores), "scores": scores}
    numbers = tf.strings.as_string(tf.range(traced.classes))
    classes = tf.tile(numbers[tf.newaxis], [tf.shape(scores)[0], 1])
    return {"classes": classes, "scores": scores}


def _regressed(traced: TracedModel, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"outputs": tf.reshape(_from_examples(traced, given), [-1])}
