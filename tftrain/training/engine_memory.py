"""What was measured of a model on this machine, kept in a small file."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from tftrain.atomic import replace_file
from tftrain.keras_api import tf
from tftrain.training import environment

_MOST = 200


def path() -> Path:
    """Where it is: `tftrain/engines.json` in the user's cache folder (`XDG_CACHE_HOME`)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tftrain" / "engines.json"


def key(model: Any, batch: Any, single: bool) -> str:
    """A digest of what decides how fast the model's steps are here.

    Args:
        model: A compiled, built model.
        batch: The specification of a batch.
        single: Whether chunks are of one batch.
    """
    variables = [(list(v.shape), str(v.dtype)) for v in model.variables]
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    layers = [
        (type(layer).__name__, getattr(layer.dtype_policy, "name", None))
        for layer in model._flatten_layers()
    ]
    shapes = [(list(s.shape), s.dtype.name) for s in tf.nest.flatten(batch)]
    metrics = [type(metric).__name__ for metric in model.metrics]
    parts = [type(model).__qualname__, variables, layers, shapes, metrics, single]
    parts += [type(optimizer).__name__, _loss_name(model), _machine()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def recall(key: str) -> dict[str, float] | None:
    """Seconds by engine, or None if nothing is known."""
    return _read().get(key)


def remember(key: str, seconds: dict[str, float]) -> None:
    """Keeps what was measured; a cache that cannot be written is no failure."""
    entries = _read()
    entries.pop(key, None)
    newest = dict([*entries.items(), (key, seconds)][-_MOST:])
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path()) as temporary:
            temporary.write_text(json.dumps(newest, indent=1))
    except OSError:
        return


def _read() -> dict[str, Any]:
    try:
        content = json.loads(path().read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _loss_name(model: Any) -> str:
    loss = model.loss
    return str(getattr(loss, "name", getattr(loss, "__name__", loss)))


def _machine() -> list[Any]:
    devices = [device.device_type for device in tf.config.list_physical_devices()]
    return [environment.describe(), environment.processor(), devices]
