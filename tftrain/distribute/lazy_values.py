"""Numbers and tensors that are fetched from the workers only when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tftrain.keras_api import tf


class LazyValue:
    """Stands for a value that `fetch` returns, blocking until it is there.

    Example:
        >>> float(LazyValue(lambda: 2))
        2.0
    """

    def __init__(self, fetch: Callable[[], Any]) -> None:
        self._fetch = fetch

    def numpy(self) -> Any:
        """Returns the value as NumPy holds it."""
        value = self._fetch()
        return value.numpy() if hasattr(value, "numpy") else np.asarray(value)

    def __float__(self) -> float:
        return float(self.numpy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> tf.Tensor:
        return tf.convert_to_tensor(self._fetch(), dtype=dtype, name=name)

    def __repr__(self) -> str:
        return f"LazyValue({self.numpy()!r})"
