"""Workers compare themselves before the first step of `fit`.

Symptom: workers with different models, data or versions hang, or train on nonsense.
Cause: Keras does not know of other workers; TensorFlow matches their collectives by number.
Upstream: tensorflow#56513 (a starved worker hangs)
Versions: keras 3.0 to 3.15
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.distribute import preflight, roles
from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.keras_api import keras


def install() -> None:
    """Puts the check between the making of the data's iterator and that of the model."""
    wrap(keras.Model, "fit", _fit)
    wrap(keras.Model, "_maybe_symbolic_build", _check_first)


def _fit(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    model._tftrain_checked = False
    try:
        return original(model, *args, **kwargs)
    finally:
        model._tftrain_checked = True


def _check_first(
    original: Callable[..., Any], model: Any, iterator: Any = None, data_batch: Any = None
) -> Any:
    # evaluate builds too, and validation calls it inside fit: once a fit is enough.
    if iterator is not None and not getattr(model, "_tftrain_checked", True):
        model._tftrain_checked = True
        if roles.is_multi_worker(model.distribute_strategy):
            _check(model, iterator)
    return original(model, iterator=iterator, data_batch=data_batch)


def _check(model: Any, iterator: Any) -> None:
    adapter = iterator.data_adapter
    preflight.check(
        model.distribute_strategy,
        model,
        getattr(adapter, "_dataset", None),
        element_spec=getattr(iterator._distributed_dataset, "element_spec", None),
        examples=getattr(adapter, "_num_samples", None),
    )
