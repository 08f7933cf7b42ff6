"""What the reference leaves out: a callback's hooks, which Keras calls; fields without a text."""

from __future__ import annotations

import inspect
from typing import Any

from sphinx.application import Sphinx

from tftrain.keras_api import keras


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", _leave_out)
    return {"parallel_read_safe": True}


def _leave_out(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    is_hook = name.startswith("on_") and hasattr(keras.callbacks.Callback, name)
    is_tuple_field = (inspect.getdoc(obj) or "").startswith("Alias for field number")
    return True if is_hook or is_tuple_field else None  # None leaves it to others
