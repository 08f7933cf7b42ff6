"""A version in memory: its graph with its variables, and its signatures as functions of arrays."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.errors import ServingError
from tftrain.keras_api import quiet_logger, tf
from tftrain.serve import checks
from tftrain.serve.stubs import config_pb2

_CALLABLES = 64  # kept of each version, one for every choice of outputs that was asked for


class LoadedVersion:
    """A SavedModel, loaded as TF Serving does: by the graph loader, into a session of its own.

    The Python loader would need no variables to be restored by name, and so would serve what the
    official server cannot.

    Args:
        folder: The version's folder.

    Attributes:
        signatures: SignatureDefs by name.

    Raises:
        OSError: The folder holds no SavedModel, or half of one.
        tf.errors.OpError: It cannot be restored.
        Exception: Whatever else the loader makes of damaged files.
    """

    def __init__(self, folder: Path) -> None:
        v1 = tf.compat.v1
        graph = tf.Graph()
        self._session = v1.Session(graph=graph)
        try:
            with quiet_logger(), graph.as_default():
                meta = v1.saved_model.load(self._session, ["serve"], str(folder))
        except BaseException:
            self._session.close()
            raise
        self.signatures = dict(meta.signature_def)
        self._callable = functools.lru_cache(_CALLABLES)(self._make_callable)
        self._change = threading.Condition()
        self._running = 0
        self._closed = False

    def signature(self, name: str) -> Any:
        """The SignatureDef of a name.

        Raises:
            ServingError: FAILED_PRECONDITION, if there is none.
        """
        try:
            return self.signatures[name]
        except KeyError:
            raise ServingError(
                "FAILED_PRECONDITION", f'Serving signature key "{name}" not found.'
            ) from None

    def run(
        self, signature: str, inputs: Sequence[np.ndarray], outputs: Sequence[str]
    ) -> list[np.ndarray]:
        """Runs a signature in the calling thread; several threads may do so at a time.

        Args:
            signature: Its name.
            inputs: In the order of `checks.input_order`.
            outputs: Names of those wanted.

        Returns:
            An array for each output name.

        Raises:
            ServingError: What the graph refuses; UNAVAILABLE once the version is closed.
        """
        with self._change:
            if self._closed:
                raise ServingError("UNAVAILABLE", "the version was unloaded")
            self._running += 1
        try:
            return self._callable(signature, tuple(outputs))(*inputs)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise checks.refusal(error) from error
        finally:
            with self._change:
                self._running -= 1
                self._change.notify_all()

    def close(self) -> None:
        """Frees the memory, after the last run has ended."""
        with self._change:
            self._closed = True
            self._change.wait_for(lambda: self._running == 0)
        self._callable.cache_clear()  # they hold the session
        self._session.close()

    def _make_callable(self, name: str, outputs: tuple[str, ...]) -> Callable[..., Any]:
        signature = self.signatures[name]
        # make_callable(feed_list=) goes through Session.run, which takes five times as long
        return self._session._make_callable_from_options(
            config_pb2.CallableOptions(
                feed=[signature.inputs[key].name for key in checks.input_order(signature)],
                fetch=[signature.outputs[key].name for key in outputs],
            )
        )
