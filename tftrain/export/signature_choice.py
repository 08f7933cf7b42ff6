"""Which signatures fit a model, and which of them suit it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tftrain.errors import ExportError, UnknownName
from tftrain.export.served_model import ServedModel
from tftrain.export.traced_model import TracedModel
from tftrain.keras_api import tf
from tftrain.portable_layers import all_layers

DEFAULT, BYTES, CLASSIFY, REGRESS = "serving_default", "bytes", "classify", "regress"
NAMES = (DEFAULT, BYTES, CLASSIFY, REGRESS)
METHODS = {name: f"tensorflow/serving/{name}" for name in (CLASSIFY, REGRESS)}


def choose(wanted: Collection[str] | None, traced: TracedModel) -> tuple[str, ...]:
    """The signatures to write.

    Args:
        wanted: Their names; None for all that suit the model.
        traced: The model.

    Raises:
        UnknownName: There is no such signature.
        ExportError: One does not fit the model.
    """
    if isinstance(wanted, str):
        wanted = [wanted]
    for name in wanted or ():
        if name not in NAMES:
            raise UnknownName("signature", name, NAMES)
    if wanted is None:
        return tuple(name for name in NAMES if not _misfit(name, traced) and _suits(name, traced))
    for name in wanted:
        if reason := _misfit(name, traced):
            raise ExportError(f"signature {name!r} does not fit this model: {reason}")
    # TensorFlow Serving calls it where a request names none.
    return tuple(name for name in NAMES if name in wanted or name == DEFAULT)


def _suits(name: str, traced: TracedModel) -> bool:
    is_classifier = traced.labels is not None or traced.probabilities
    return {CLASSIFY: is_classifier, REGRESS: not is_classifier}.get(name, True)


def _misfit(name: str, traced: TracedModel) -> str | None:
    if name == BYTES:
        return _no_picture(traced.served)
    if name in METHODS:
        return _no_examples(traced.served) or next(_no_scores(name, traced), None)
    return None


def _no_picture(served: ServedModel) -> str | None:
    if len(served.raw) > 1:
        return f"it has {len(served.raw)} inputs, and a picture would be one"
    (spec,) = served.raw.values()
    shape = list(spec.shape)
    if len(shape) != 4 or None in shape[1:] or shape[3] not in (1, 3):
        return f"its raw input is {shape}; expected [None, H, W, 1 or 3]".replace("None", "any")
    if spec.dtype in (tf.string, tf.bool):
        return f"its raw input is {spec.dtype.name}; expected numbers"
    if spec.dtype.is_floating and served.preprocessing is None and _scales_itself(served):
        return (
            "it scales its input itself, so it is unknown whether floats are 0 to 1 or 0 to 255: "
            f"give raw=tf.TensorSpec({tuple(shape)}, tf.uint8)"
        )
    return None


def _scales_itself(served: ServedModel) -> bool:
    kinds = {type(layer).__name__ for layer in all_layers(served.signature.model)}
    return bool(kinds & {"Rescaling", "Normalization"})


def _no_examples(served: ServedModel) -> str | None:
    for name, spec in served.raw.items():
        if None in list(spec.shape)[1:]:
            shape = str(list(spec.shape)).replace("None", "any")
            return f"input {name!r} is {shape}, and a feature of an Example has a fixed size"
    return None


def _no_scores(name: str, traced: TracedModel) -> Iterator[str]:
    if name == CLASSIFY and traced.classes is None:
        yield "expected one output of scores [B, classes], or [B, 1] from a sigmoid"
    if name == REGRESS:
        shapes = [one.shape.as_list()[1:] for one in traced.outputs.values() if one.shape.rank]
        dtypes = [one.dtype for one in traced.outputs.values()]
        if shapes not in ([[]], [[1]]) or not dtypes[0].is_floating:
            yield "expected one output of one number"
