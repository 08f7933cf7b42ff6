"""Calls exports in a process of its own: see `tftrain.companion_process`.

A job's folder holds `job.pickle`, a dict with the `folder` of a SavedModel and `calls`, a list of
signatures with inputs by name. It receives `answers.pickle`, a dict with `answers`, each the
outputs by name or the reason why there are none; `uncalled` signatures; and `problems`, sentences
about all else.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

HIDDEN = ("keras", "tf_keras")


def prepare() -> None:
    """Loads what every job needs."""
    from tftrain.without_keras import loaded_model, warmup_records  # noqa: F401


def work(folder: Path) -> None:
    """Loads the SavedModel, makes the calls and replays the warm-up requests."""
    job = pickle.loads((folder / "job.pickle").read_bytes())
    (folder / "answers.pickle").write_bytes(pickle.dumps(_done(Path(job["folder"]), job["calls"])))


def _done(folder: Path, calls: list[tuple[str, dict[str, np.ndarray]]]) -> dict[str, Any]:
    from tftrain.without_keras import warmup_records
    from tftrain.without_keras.loaded_model import LoadedModel, Refused

    try:
        model = LoadedModel(folder)
    except Refused as refused:
        return {"problems": [f"it cannot be loaded: {refused}"], "answers": [], "uncalled": []}
    with model:
        answers = [_answer(model, *call) for call in calls]
        called = {signature for signature, _ in calls}
        return {
            "answers": answers,
            "uncalled": sorted(set(model.signatures) - called),
            "problems": [*_of_python(model), *warmup_records.problems(model, folder)],
        }


def _answer(model: Any, signature: str, inputs: dict[str, np.ndarray]) -> Any:
    from tftrain.without_keras.loaded_model import Refused

    try:
        return model.call(signature, inputs)
    except Refused as refused:
        return str(refused)


def _of_python(model: Any) -> list[str]:
    return [
        f"its graph holds {operation}, which calls Python, and TF Serving has none: write "
        "py_function or numpy_function with operations of TensorFlow or keras.ops"
        for operation in model.operations_of_python()
    ]
