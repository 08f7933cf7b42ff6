"""Figures of epochs as scalars that TensorBoard shows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tftrain.keras_api import tf

_SCALAR = 1  # DATA_CLASS_SCALAR of TensorFlow's summary.proto


class ResourceSummaries:
    """Writes event files; TensorBoard itself is needed only to look at them.

    Args:
        directory: Where to; None writes nothing.
    """

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self._directory, self._writer = directory, None

    @property
    def wanted(self) -> bool:
        """Whether anything is written."""
        return self._directory is not None

    def write(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Writes an epoch's, on disk when this returns.

        Args:
            epoch: From 0; the step in the charts.
            figures: Each becomes the scalar `resources/NAME`.
        """
        if not self.wanted:
            return
        with self._opened().as_default():
            for name, value in figures.items():
                _write(f"resources/{name}", value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Closes the file; another `write` opens a new one."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _opened(self) -> Any:
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(os.fspath(self._directory))
        return self._writer


def _write(tag: str, value: float, step: int) -> None:
    """What `tf.summary.scalar` does, which is there only if TensorBoard is."""
    kinds = tf.compat.v1.SummaryMetadata
    metadata = kinds(plugin_data=kinds.PluginData(plugin_name="scalars"), data_class=_SCALAR)
    tf.summary.write(tag, tf.constant(value, tf.float32), step=step, metadata=metadata)
