"""The server without its protocols: models that answer requests, and change while they do.

Both protocols, REST and gRPC, turn requests into calls of `Core`, and its answers and errors into
theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.export.batching_file import Batching
from tftrain.notices import notice
from tftrain.serve import checks, example_signatures, reloading
from tftrain.serve.admission import Admission
from tftrain.serve.example_signatures import CLASSIFICATION, REGRESSION, Task
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.models import Models, ServedModel
from tftrain.serve.runs import Call
from tftrain.serve.terms import Answer, Limits, Metrics, NoMetrics, Target, VersionStatus
from tftrain.serve.watcher import Watcher

__all__ = [
    "Answer", "Batching", "Core", "Limits", "Metrics", "NoMetrics", "Target", "VersionStatus",
]  # fmt: skip


class Core:
    """The models of some base folders, each served in its newest version.

    Used from one event loop. Requests that reach it are counted here; one that a protocol refuses
    before is counted by the protocol (`core.metrics.request`).

    Args:
        bases: Folders of versions by model name.
        batching: How requests are joined; None runs each by itself.
        limits: What clients may take.
        threads: Runs of graphs at a time; by default as many as there are cores.
        poll_seconds: How often the base folders are looked at.
        metrics: Who counts.
        tell: Is told in a line what changes.
        any_base: Whether `reload` may name other folders than these.

    Raises:
        BadInput: A base's `models.config` or `batching.config` cannot be understood.
    """

    def __init__(
        self,
        bases: Mapping[str, Path],
        *,
        batching: Batching | None = None,
        limits: Limits | None = None,
        threads: int | None = None,
        poll_seconds: float = 1.0,
        metrics: Metrics | None = None,
        tell: Callable[[str], None] = notice,
        any_base: bool = False,
    ) -> None:
        self.limits = limits or Limits()
        self.metrics: Metrics = metrics or NoMetrics()
        self.tell = tell
        self._models = Models(
            bases, batching=batching, threads=threads, metrics=self.metrics, tell=tell
        )
        self._bases = None if any_base else tuple(bases.values())
        self._door = Admission(self.limits, self.metrics)
        self._watcher = Watcher(self._models, poll_seconds, tell)

    @property
    def names(self) -> list[str]:
        """The models."""
        return self._models.names

    async def start(self) -> None:
        """Loads the models, as far as they can be, and begins to watch their folders."""
        await self._watcher.start()

    async def drain(self) -> None:
        """Refuses new requests, and returns when those in flight have their answers."""
        await self._door.close()

    async def close(self) -> None:
        """Drains, and frees the models."""
        await self.drain()
        await self._watcher.close()
        await self._models.close()

    async def predict(
        self, target: Target, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
    ) -> Answer:
        """Runs a signature on arrays.

        Args:
            target: Model, version and signature.
            inputs: Arrays by input name, of the signature's dtypes, rows first; arrays of bytes
                objects hold strings.
            outputs: Names of those wanted; all without any.

        Raises:
            ServingError: With TF Serving's code and text.
        """

        async def run() -> Answer:
            model = self._models.find(target)
            with model.versions.use(target) as (number, version):
                signature = version.signature(target.signature_name)
                arrays = checks.ordered_inputs(signature, inputs)
                names = checks.output_names(signature, outputs)
                found = await self._run(model, Call.of(target, version, names), arrays)
                return Answer(target.name, number, target.signature_name, found)

        return await self._door.admit(target.name, "predict", run)

    async def classify(self, target: Target, examples: Sequence[bytes]) -> Answer:
        """Classes of examples: `classes`, strings `[B, K]`, and `scores`, float32 `[B, K]`.

        A signature may have one of the two alone.

        Args:
            target: Model, version and signature.
            examples: Serialized `tf.Example`s.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        return await self._of_examples(target, "classify", CLASSIFICATION, examples)

    async def regress(self, target: Target, examples: Sequence[bytes]) -> Answer:
        """Numbers for examples: `outputs`, float32 `[B]`.

        Args:
            target: Model, version and signature.
            examples: Serialized `tf.Example`s.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        return await self._of_examples(target, "regress", REGRESSION, examples)

    def signature(self, target: Target) -> tuple[int, Any]:
        """Version and SignatureDef that a request with this target would meet now.

        Raises:
            ServingError: NOT_FOUND, INVALID_ARGUMENT or FAILED_PRECONDITION.
        """
        number, version = self._models.find(target).versions.find(target)
        return number, version.signature(target.signature_name)

    def signatures(self, target: Target) -> tuple[int, dict[str, Any]]:
        """Version, and its SignatureDefs by name.

        Raises:
            ServingError: NOT_FOUND or INVALID_ARGUMENT.
        """
        number, version = self._models.find(target).versions.find(target)
        return number, dict(version.signatures)

    def statuses(self, target: Target) -> list[VersionStatus]:
        """Where the versions are in their lives: the one asked for, or all, the newest first.

        A label is passed over, as by TF Serving.

        Raises:
            ServingError: NOT_FOUND.
        """
        return self._models.statuses(target)

    async def reload(self, config: Any) -> None:
        """Serves another list of models (see `reloading.reload`).

        Args:
            config: A tensorflow.serving.ModelServerConfig.

        Raises:
            ServingError: The list is refused, or a new model does not become available.
        """
        await reloading.reload(self._models, config, self._bases)

    async def multi_inference(
        self, tasks: Sequence[tuple[Target, str]], examples: Sequence[bytes]
    ) -> list[Answer]:
        """Classifies and regresses the same examples, in one version.

        Args:
            tasks: Targets of one model, each with its method's name.
            examples: Serialized `tf.Example`s.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        targets = [target for target, _ in tasks] or [Target("")]

        async def run() -> list[Answer]:
            model = self._models.find(targets[0])
            with model.versions.use(targets[0]) as (number, version):
                kinds = example_signatures.together(version.signatures, tasks)
                return [
                    await self._of_task(model, target, number, version, kind, examples)
                    for target, kind in zip(targets, kinds, strict=True)
                ]

        return await self._door.admit(targets[0].name, "multi_inference", run)

    async def _of_examples(
        self, target: Target, method: str, task: Task, examples: Sequence[bytes]
    ) -> Answer:
        async def run() -> Answer:
            model = self._models.find(target)
            with model.versions.use(target) as (number, version):
                return await self._of_task(model, target, number, version, task, examples)

        return await self._door.admit(target.name, method, run)

    async def _of_task(
        self,
        model: ServedModel,
        target: Target,
        number: int,
        version: LoadedVersion,
        task: Task,
        examples: Sequence[bytes],
    ) -> Answer:
        signature = example_signatures.find(version.signatures, target.signature_name, task)
        names = task.outputs(signature)
        array = example_signatures.serialized(examples)
        found = await self._run(model, Call.of(target, version, names), [array])
        checked = task.checked(len(examples), found)
        return Answer(target.name, number, target.signature_name, checked)

    async def _run(
        self, model: ServedModel, call: Call, arrays: list[np.ndarray]
    ) -> dict[str, np.ndarray]:
        checks.refuse_too_many(arrays, self.limits.batch)
        values = await self._door.in_time(model.runner.start(call, arrays))
        return dict(zip(call.outputs, values, strict=True))
