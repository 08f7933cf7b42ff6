"""Export a model as a numbered SavedModel that TensorFlow Serving can run.

What it promises to those who call it is told in docs/design/serving-contract.md.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tftrain import roles
from tftrain.export import (
    preprocessing_checks,
    saved_model_files,
    serving_files,
    signature_choice,
    staging,
    traced_model,
    verification,
    verification_cases,
    versions,
    warm_up,
)
from tftrain.export.class_labels import checked_labels
from tftrain.export.raw_examples import raw_examples
from tftrain.export.served_model import Preprocessing, served_model
from tftrain.export.traced_model import TracedModel
from tftrain.keras_api import keras
from tftrain.whole_models import takes_whole_model


@takes_whole_model
def saved_model(
    model: keras.Model,
    base: str | os.PathLike[str],
    version: int | None = None,
    preprocessing: Preprocessing | None = None,
    labels: Sequence[str] | None = None,
    signatures: Collection[str] | None = None,
    warmup: Any = None,
    *,
    raw: Any = None,
    name: str | None = None,
    keep: int | None = None,
    verify: bool = True,
) -> Path:
    """Writes `base/VERSION`, verified, for batches of any size; it appears whole or not at all.

    Beside the versions lie `models.config`, `batching.config`, `monitoring.config` and
    `docker-compose.yml` for TensorFlow Serving. They are written once; then they are the user's.

    Args:
        model: Built; Functional, Sequential, or subclassed with one input; of tf_keras as well.
        base: Folder of the versions, made if missing.
        version: A positive integer; by default one more than the largest there.
        preprocessing: From a raw batch to the model's inputs: a function of TensorFlow, a Keras
            layer or a model. It becomes part of the graph.
        labels: A name for each class, if the model has one output of scores `[B, classes]` (or
            `[B, 1]` from a sigmoid: two classes). The answers then hold `label` and `score` too.
        signatures: Of "serving_default" (always written), "bytes" (encoded pictures), "classify"
            and "regress" (`tf.train.Example`); None for those that suit the model.
        warmup: Examples of raw inputs `[N, ...]` for warm-up requests and verification: in a list
            or a dict if there are several inputs; `(x, y)`; something with `.x`; a batched
            dataset. Random ones by default.
        raw: TensorSpec of a raw batch, `(None, ...)`, or a dict of them by name; by default uint8
            in the model's shape before a preprocessing, and the model's own input without.
        name: The model is served under; by default what models.config says, else the folder's.
        keep: Afterwards only so many of the newest versions are kept; None keeps all.
        verify: Whether every signature is called in a process without Keras, with batches of 1, 3
            and 0, and compared with the model, before the version is published.

    Returns:
        The path of the new version. Of several workers all must call; only the chief publishes.

    Raises:
        ExportError: It cannot be exported as asked; said before anything is written.
        UnknownName: There is no such signature.
        VerificationFailed: What was written answers otherwise; nothing is published.
        NoSpace: The disk is full; nothing is published.

    Example:
        >>> import tempfile
        >>> from tftrain import models
        >>> model = models.linear((8, 8, 1), classes=3)
        >>> saved_model(model, tempfile.mkdtemp(), labels=["a", "b", "c"], verify=False).name
        '1'
    """
    base = Path(base)
    versions.check(base, version, keep)
    served_as = serving_files.model_name(base, name)
    batch_sizes = serving_files.batch_sizes(base)
    export = _prepared(model, preprocessing, raw, labels, signatures, warmup)
    if not roles.keeps_files_of(model):
        return _written_by_another(export, base, version)
    if verify:
        verification.warm_up()
    with staging.staged(base, export.bytes) as staged:
        saved_model_files.write(staged.path, export.traced, export.names)
        warm_up.write(staged.path, served_as, export.names, export.examples, batch_sizes)
        if verify:
            _verify(staged.path, export)
        published = versions.publish(staged, base, version)
        serving_files.write_missing(base, served_as)
    if keep is not None:
        versions.prune(base, keep, published)
    return published


def _written_by_another(export: _Export, base: Path, version: int | None) -> Path:
    """Saving reads variables, which may need all workers; what this one writes is not kept."""
    target = base / str(version or versions.following(base))
    with tempfile.TemporaryDirectory(prefix="tftrain-export-") as folder:
        saved_model_files.write(Path(folder), export.traced, export.names)
    return target


@dataclasses.dataclass(frozen=True)
class _Export:
    traced: TracedModel
    names: tuple[str, ...]
    examples: dict[str, np.ndarray]

    @property
    def bytes(self) -> int:
        """Of the variables, which are most of what is written."""
        variables = self.traced.function.graph.variables
        return sum(variable.dtype.size * variable.shape.num_elements() for variable in variables)


def _prepared(
    model: Any, preprocessing: Any, raw: Any, labels: Any, signatures: Any, warmup: Any
) -> _Export:
    """All that can be refused is refused here, before anything is written."""
    names = checked_labels(labels)
    served = served_model(model, preprocessing, raw)
    examples = raw_examples(served, warmup)
    preprocessing_checks.check(served, examples)
    traced = traced_model.trace(served, names)
    return _Export(traced, signature_choice.choose(signatures, traced), examples)


def _verify(folder: Path, export: _Export) -> None:
    cases = verification_cases.cases(export.names, export.traced, export.examples)
    verification.verify(folder, cases)
