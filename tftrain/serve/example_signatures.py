"""Classify and regress: signatures of serialized `tf.Example`s, checked as TF Serving checks them.

The limits on shapes and dtypes are what its classifier and regressor enforce.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tftrain.errors import ServingError
from tftrain.keras_api import tf
from tftrain.serve.checks import INVALID
from tftrain.serve.terms import Target

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


@dataclasses.dataclass(frozen=True)
class Task:
    """One of the two methods.

    Attributes:
        method_name: What the SignatureDef must bear.
        outputs: Of a SignatureDef, the outputs to fetch; raises ServingError for another's.
        checked: Of the number of examples and the fetched arrays by name, these arrays; raises
            ServingError where they are not what the method gives.
    """

    method_name: str
    outputs: Callable[[Any], list[str]]
    checked: Callable[[int, Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def serialized(examples: Sequence[bytes]) -> np.ndarray:
    """The examples as an array of strings, `[B]`.

    Raises:
        ServingError: INVALID_ARGUMENT: there is none.
    """
    if not examples:
        raise ServingError(INVALID, "Input is empty.")
    array = np.empty(len(examples), dtype=object)
    array[:] = examples
    return array


def find(signatures: Mapping[str, Any], name: str, task: Task) -> Any:
    """The SignatureDef of a name.

    Raises:
        ServingError: INVALID_ARGUMENT: there is none, or it is of another method.
    """
    if name not in signatures:
        raise ServingError(INVALID, f"No signature was found with the name: {name}")
    signature = signatures[name]
    check(signature, task)
    return signature


def together(signatures: Mapping[str, Any], tasks: Sequence[tuple[Target, str]]) -> list[Task]:
    """The methods of tasks that are to share their examples.

    Args:
        signatures: SignatureDefs by name.
        tasks: Targets, each with its method's name.

    Raises:
        ServingError: They do not go together.
    """
    kinds: list[Task] = []
    for place, (target, method) in enumerate(tasks):
        if not target.name:
            raise ServingError(INVALID, "Found ModelSpec with an empty model name.")
        if target.name != tasks[0][0].name:
            raise ServingError(
                INVALID,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            )
        name = target.signature_name
        if name in [before.signature_name for before, _ in tasks[:place]]:
            raise ServingError(INVALID, f"Duplicate evaluation of signature: {name}")
        if name not in signatures:
            raise ServingError(INVALID, f"Requested signature not found in model graph: {name}")
        if method not in _TASKS:
            message = f"Unsupported signature method_name: {method}"
            raise ServingError("UNIMPLEMENTED", message)
        check(signatures[name], _TASKS[method])
        kinds.append(_TASKS[method])
    fed = {signatures[target.signature_name].inputs["inputs"].name for target, _ in tasks}
    if len(fed) > 1:
        raise ServingError(INVALID, "Input tensor must be the same for all Signatures.")
    return kinds


def check(signature: Any, task: Task) -> None:
    """Refuses a SignatureDef of another method, or with other inputs than the method has.

    Raises:
        ServingError: INVALID_ARGUMENT or FAILED_PRECONDITION.
    """
    kind = "classification" if task is CLASSIFICATION else "regression"
    if signature.method_name != task.method_name:
        raise ServingError(
            INVALID,
            f"Expected {kind} signature method_name to be {task.method_name}. "
            f"Was: {signature.method_name}",
        )
    if len(signature.inputs) != 1:
        raise ServingError(INVALID, "Expected one input Tensor.")
    if "inputs" not in signature.inputs:
        raise ServingError(
            "FAILED_PRECONDITION", f"No {kind} inputs found in SignatureDef: {signature}"
        )


def _class_outputs(signature: Any) -> list[str]:
    if len(signature.outputs) not in (1, 2):
        raise ServingError(
            INVALID, f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    found = [name for name in ("classes", "scores") if name in signature.outputs]
    if not found:
        raise ServingError(
            "FAILED_PRECONDITION",
            "Expected classification signature outputs to contain at least one of "
            f'"classes" or "scores". Signature was: {signature}',
        )
    return found


def _value_outputs(signature: Any) -> list[str]:
    if len(signature.outputs) != 1:
        raise ServingError(INVALID, "Expected one output Tensor.")
    if "outputs" not in signature.outputs:
        raise ServingError(
            "FAILED_PRECONDITION", f"No regression outputs found in SignatureDef: {signature}"
        )
    return ["outputs"]


def _classes(number: int, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    for name, array in arrays.items():
        if array.ndim != 2:
            raise ServingError(
                INVALID,
                f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}",
            )
        expected = tf.string if name == "classes" else tf.float32
        _expect_dtype(f"{name} Tensor", array, expected)
        if len(array) != number:
            raise ServingError(
                INVALID, f"Expected {name} output batch size of {number}. Got: {len(array)}"
            )
    widths = [array.shape[1] for array in arrays.values()]
    if len(set(widths)) > 1:
        raise ServingError(
            INVALID,
            f"Tensors class and score should match in dim_size(1). Got {widths[0]} vs. {widths[1]}",
        )
    return dict(arrays)


def _values(number: int, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    values = arrays["outputs"]
    if not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)):
        raise ServingError(
            INVALID,
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{_shape(values)}",
        )
    if len(values) != number:
        raise ServingError(
            INVALID,
            f"Input batch size did not match output batch size: {number} vs. {len(values)}",
        )
    _expect_dtype("output Tensor", values, tf.float32)
    return {"outputs": values.reshape(number)}


def _expect_dtype(what: str, array: np.ndarray, expected: tf.DType) -> None:
    received = tf.dtypes.as_dtype(array.dtype)
    if received != expected:
        raise ServingError(INVALID, f"Expected {what} of {_enum(expected)}. Got: {_enum(received)}")


def _enum(dtype: tf.DType) -> str:
    names = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}
    return names.get(dtype.name, f"DT_{dtype.name.upper()}")


def _shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


CLASSIFICATION = Task(CLASSIFY, _class_outputs, _classes)
REGRESSION = Task(REGRESS, _value_outputs, _values)
_TASKS = {CLASSIFY: CLASSIFICATION, REGRESS: REGRESSION}
