"""A SavedModel, loaded and called as TF Serving does.

The loader of Python's objects finds variables by those objects. TF Serving has a graph and a
session, restores what the graph's own operations restore, and runs tensors by their names.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tftrain import graph_nodes

_INTRODUCTIONS = ("Graph execution error:", "root error(s) found.")


class Refused(Exception):
    """A request that does not fit the model, or that it cannot answer."""


class LoadedModel:
    """The graph of a SavedModel and a session that holds its variables.

    Args:
        folder: With `saved_model.pb`.

    Attributes:
        signatures: By name, as SignatureDef.

    Raises:
        Refused: It cannot be loaded.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            with self._session.graph.as_default():
                self._definition = tf.compat.v1.saved_model.load(
                    self._session, [tf.saved_model.SERVING], os.fspath(folder)
                )
        except Exception as error:
            self._session.close()
            raise Refused(_telling(error)) from error
        self.signatures: dict[str, Any] = {
            name: signature
            for name, signature in self._definition.signature_def.items()
            if not name.startswith("__")  # the loader's own
        }

    def __enter__(self) -> LoadedModel:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.close()

    def operations_of_python(self) -> list[str]:
        """Operations that call back into the process that made the graph."""
        found = {node.op for node in graph_nodes.all_nodes(self._definition.graph_def)}
        return sorted(found & graph_nodes.PYTHON)

    def call(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Collection[str] = ()
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature by name; all of them, if none are chosen.

        Raises:
            Refused: There is no such signature or output, the inputs are not those of the
                signature, or TensorFlow cannot compute it.
        """
        if signature not in self.signatures:
            raise Refused(f"there is none of that name, only {_listed(self.signatures)}")
        called = self.signatures[signature]
        if problems := list(_mismatches(called, inputs, outputs)):
            raise Refused("; ".join(problems))
        wanted = {name: called.outputs[name].name for name in outputs or called.outputs}
        feed = {called.inputs[name].name: array for name, array in inputs.items()}
        try:
            return self._session.run(wanted, feed)
        except Exception as error:
            raise Refused(_telling(error)) from error


def _mismatches(
    signature: Any, inputs: Mapping[str, np.ndarray], outputs: Collection[str]
) -> Iterator[str]:
    if set(inputs) != set(signature.inputs):
        yield f"it takes {_listed(signature.inputs)}, and was given {_listed(inputs)}"
    if unknown := set(outputs) - set(signature.outputs):
        yield f"it has no output {_listed(unknown)}, only {_listed(signature.outputs)}"
    for name in sorted(set(inputs) & set(signature.inputs)):
        expected = tf.as_dtype(signature.inputs[name].dtype)
        received = tf.as_dtype(inputs[name].dtype)
        if received != expected:
            yield f"its input {name!r} is {expected.name}, and was given {received.name}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, sorted(names))) or "none"


def _telling(error: Exception) -> str:
    """The line of TensorFlow's message that says what happened, without its debug information."""
    lines = [line.strip().removeprefix("(0)").strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.endswith(_INTRODUCTIONS)]
    first = (said or ["it gives no reason"])[0].partition(" Debug info: ")[0]
    return f"{type(error).__name__}: {first}"
