"""What an export must answer: worked out by the Keras model, eagerly, and by NumPy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tftrain.export import class_labels, example_records, image_bytes
from tftrain.export.signature_choice import BYTES, CLASSIFY, DEFAULT, REGRESS
from tftrain.export.traced_model import TracedModel
from tftrain.export.verification import Case
from tftrain.keras_api import tf

_BATCHES = (1, 3, 0)
_CLOSE = 1e-3  # two scores of which rounding may make either the best


def cases(
    names: Collection[str], traced: TracedModel, examples: Mapping[str, np.ndarray]
) -> list[Case]:
    """A call of every signature, with batches of one, three and no rows.

    Args:
        names: Of the signatures.
        traced: The model.
        examples: Raw inputs, three rows at least.
    """
    raw = dict(examples)
    answered = _answered(traced, raw)
    of_pictures = _answered(traced, _as_pictures(raw)) if BYTES in names else []
    return [
        Case(name, sent(name, inputs), _expected(name, traced, outputs))
        for name in names
        for inputs, outputs in (of_pictures if name == BYTES else answered)
    ]


def _as_pictures(raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the model gets where the only input comes as files of 8 bits."""
    ((name, array),) = raw.items()
    return {name: image_bytes.from_pixels(image_bytes.pixels(array), array.dtype)}


def _answered(
    traced: TracedModel, raw: Mapping[str, np.ndarray]
) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Inputs and outputs of each batch."""
    chosen, pairs = _clearest(traced, raw), []
    for rows in _BATCHES:
        taken = {name: array[chosen[: rows or 1]] for name, array in raw.items()}
        outputs = _answers(traced, taken)  # as Keras may not answer an empty batch, cut to it
        pairs.append(tuple({name: a[:rows] for name, a in one.items()} for one in (taken, outputs)))
    return pairs


def sent(name: str, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a signature is sent, for raw inputs."""
    if name == BYTES:
        (array,) = raw.values()
        return {image_bytes.INPUT: image_bytes.encoded(image_bytes.pixels(array))}
    if name == DEFAULT:
        return dict(raw)
    records = [example.SerializeToString() for example in example_records.examples(raw)]
    return {example_records.INPUT: np.array(records, dtype=object)}


def _answers(traced: TracedModel, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    given = {name: tf.constant(array) for name, array in raw.items()}
    return {name: output.numpy() for name, output in traced.served.answers(given).items()}


def _clearest(traced: TracedModel, raw: Mapping[str, np.ndarray]) -> np.ndarray:
    """Rows in which a best class does not hang on the last digit, if there are such."""
    if traced.labels is None:
        return np.arange(max(_BATCHES))
    scores = np.sort(class_labels.columns(_answers(traced, raw)[traced.only]), axis=-1)
    is_close = scores[:, -1] - scores[:, -2] < _CLOSE
    return np.argsort(is_close, kind="stable")


def _expected(name: str, traced: TracedModel, outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    if name in (DEFAULT, BYTES):
        if traced.labels is None:
            return outputs
        return {**outputs, **class_labels.best_label(traced.labels, outputs[traced.only])}
    if name == REGRESS:
        return {"outputs": outputs[traced.only].reshape(-1)}
    assert name == CLASSIFY
    scores = class_labels.columns(outputs[traced.only])
    names = traced.labels or tuple(str(number) for number in range(scores.shape[-1]))
    row = np.array([label.encode() for label in names], dtype=object)
    return {"classes": np.tile(row, (len(scores), 1)), "scores": scores}
