"""Whether an export answers as its model does, where there is no Keras.

The export is loaded as TF Serving loads it, in a process that cannot import Keras, is called by
its signatures, and is sent its warm-up requests. What only works because Python's objects are at
hand, fails there.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.companion_process import Companion, Crashed, GaveUp
from tftrain.errors import VerificationFailed
from tftrain.export import comparison
from tftrain.without_keras import worker

_companion = Companion(worker.__name__, worker.HIDDEN)


@dataclasses.dataclass(frozen=True)
class Case:
    """A call, and what the model answers to it.

    Attributes:
        signature: The name of one.
        inputs: All of its inputs by name, with the batch axis first; texts as bytes or str in
            arrays of objects.
        outputs: All that it must give, likewise.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    def __str__(self) -> str:
        rows = {len(array) for array in self.inputs.values() if np.ndim(array)}
        return f"signature {self.signature!r}, batch of {'/'.join(map(str, sorted(rows)))}"


def warm_up() -> None:
    """Starts the process if there is none, which takes it seconds; returns at once."""
    _companion.warm_up()


def verify(folder: str | os.PathLike[str], cases: Sequence[Case], tolerance: float = 1e-5) -> None:
    """Compares an export with what its model answers.

    Args:
        folder: Of the SavedModel; need not have its final name yet.
        cases: At least one for each signature.
        tolerance: How far floats may be off: as such in outputs whose values are up to 1, relative
            to the largest value of the output in that batch above. NaN is like NaN. All else must
            be equal, dtypes and shapes among it.

    Raises:
        VerificationFailed: A call or a warm-up request fails or is answered otherwise, a
            signature is never called, or the process that made the calls ended.

    Example:
        >>> import numpy as np, pathlib, tempfile
        >>> from tftrain import export, models
        >>> model = models.linear((2,), classes=3)
        >>> folder = export.saved_model(model, tempfile.mkdtemp(), signatures=[])
        >>> x = np.ones((4, 2), np.float32)
        >>> case = Case("serving_default", {"inputs": x}, {"outputs": model(x).numpy()})
        >>> verify(folder, [case])
        >>> wrong = Case("serving_default", {"inputs": x}, {"outputs": np.zeros_like(model(x))})
        >>> verify(folder, [wrong])
        Traceback (most recent call last):
        ...
        tftrain.errors.VerificationFailed: ...
    """
    folder = Path(folder).absolute()
    calls = [(case.signature, comparison.in_bytes(case.inputs)) for case in cases]
    try:
        answer = _answer(folder, calls)
    except Crashed as crash:
        raise VerificationFailed([f"the process that called it {crash}"]) from crash
    except GaveUp as error:
        raise VerificationFailed([f"it cannot be called: {error}"]) from error
    differences = list(_differences(cases, answer, tolerance))
    if differences:
        raise VerificationFailed(differences)


def _answer(folder: Path, calls: list[tuple[str, dict[str, np.ndarray]]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tftrain-verify-") as name:
        job = Path(name)
        (job / "job.pickle").write_bytes(pickle.dumps({"folder": str(folder), "calls": calls}))
        _companion.work(job)
        return pickle.loads((job / "answers.pickle").read_bytes())


def _differences(cases: Sequence[Case], answer: dict[str, Any], tolerance: float) -> Iterator[str]:
    yield from answer["problems"]
    for signature in answer["uncalled"]:
        yield f"signature {signature!r} is not verified: no case calls it"
    for case, found in zip(cases, answer["answers"], strict=False):  # none, if it did not load
        if isinstance(found, str):
            yield f"{case}: {found}"
            continue
        for name, difference in comparison.differences(case.outputs, found, tolerance):
            yield f"{case}, output {name!r}: {difference}"
