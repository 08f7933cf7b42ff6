"""The chief's checkpoint in every worker: the others need no file system in common with it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.callbacks import training_state
from tftrain.callbacks.checkpoint_files import CheckpointFiles
from tftrain.checkpoints import Saved
from tftrain.distribute import roles
from tftrain.distribute.keras_bridge import chief_broadcast
from tftrain.roles import keeps_files_of

_DOCUMENT = "document"


def newest(
    files: CheckpointFiles, model: Any, check: Callable[[Saved], None] = lambda saved: None
) -> Saved | None:
    """The newest whole checkpoint in every worker; what all share as variables, the chief's only.

    Args:
        files: Where the chief reads.
        model: Whose checkpoint it is.
        check: Is given it in the chief, and may raise.
    """
    saved = files.newest() if keeps_files_of(model) else None
    if saved is not None:
        check(saved)
    strategy = model.distribute_strategy
    if not roles.is_multi_worker(strategy):
        return saved
    packed = None if saved is None else _packed(saved, _apart(model, saved))
    received = chief_broadcast.payload(roles.between_workers(strategy), packed)
    return saved or (None if received is None else _unpacked(received))


def restore(model: Any, saved: Saved, but: Iterable[Any] = ()) -> None:
    """Brings the variables of model and optimizer to what was saved, in every worker."""
    but = list(but)
    training_state.restore(model, saved, but)
    strategy = model.distribute_strategy
    if not roles.is_multi_worker(strategy):
        return
    kept = {id(variable) for variable in but}
    apart = {id(variable) for variable in _differing(model).values()}
    shared = [
        variable
        for variable in (*model.variables, *model.optimizer.variables)
        if id(variable) not in kept | apart
    ]
    chief_broadcast.variables(roles.between_workers(strategy), shared)


def _differing(model: Any) -> dict[str, Any]:
    """The variables of which each replica has a value of its own."""
    return {
        name: variable
        for name, variable in training_state.variables(model).items()
        if getattr(variable, "differs_between_replicas", False)
    }


def _apart(model: Any, saved: Saved) -> list[str]:
    """Names of what is no common variable of model or optimizer: it is sent as it was read."""
    common = training_state.variables(model).keys() - _differing(model).keys()
    return [n for n in saved.tensors if n not in common or n.startswith(training_state.METRICS)]


def _packed(saved: Saved, names: Iterable[str]) -> bytes:
    head = {"path": str(saved.path), "number": saved.number, "document": saved.document}
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(head).encode(), np.uint8)
    np.savez(buffer, **{_DOCUMENT: text, **{name: saved.tensors[name] for name in names}})
    return buffer.getvalue()


def _unpacked(data: bytes) -> Saved:
    with np.load(io.BytesIO(data)) as arrays:
        head = json.loads(arrays[_DOCUMENT].tobytes())
        tensors = {name: arrays[name] for name in arrays.files if name != _DOCUMENT}
    return Saved(Path(head["path"]), head["number"], tensors, head["document"])
