"""The server without its protocols: models that answer requests, and change while they do.

Both protocols, REST and gRPC, turn requests into calls of `Core`, and its answers and errors into
theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tftrain.errors import ServingError
from tftrain.notices import notice
from tftrain.serve import checks, example_signatures, model_config
from tftrain.serve.example_signatures import CLASSIFICATION, REGRESSION, Task
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.model_versions import ModelVersions, not_found
from tftrain.serve.terms import Answer, Limits, Metrics, NoMetrics, Target, VersionStatus

__all__ = ["Answer", "Core", "Limits", "Metrics", "NoMetrics", "Target", "VersionStatus"]

Result = TypeVar("Result")


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

    Raises:
        BadInput: A base's `models.config` cannot be understood.
    """

    def __init__(
        self,
        bases: Mapping[str, Path],
        *,
        batching: Any = None,
        limits: Limits | None = None,
        threads: int | None = None,
        poll_seconds: float = 1.0,
        metrics: Metrics | None = None,
        tell: Callable[[str], None] = notice,
    ) -> None:
        self.limits = limits or Limits()
        self.metrics: Metrics = metrics or NoMetrics()
        self._poll_seconds, self._tell = poll_seconds, tell
        threads = threads or os.cpu_count() or 1
        self._runs = ThreadPoolExecutor(threads, thread_name_prefix="run")
        self._loads = ThreadPoolExecutor(2, thread_name_prefix="load")
        self._models = {
            name: self._model(name, base, model_config.read(base)) for name, base in bases.items()
        }
        self._open = 0
        self._closing = False
        self._idle = asyncio.Event()

    @property
    def names(self) -> list[str]:
        """The models."""
        return list(self._models)

    async def start(self) -> None:
        """Loads the models, as far as they can be, and begins to watch their folders."""
        await asyncio.gather(*(self._update(model) for model in self._models.values()))

    async def close(self) -> None:
        """Refuses new requests, finishes those in flight, and frees the models."""
        self._closing = True
        while self._open:
            self._idle.clear()
            await self._idle.wait()
        await asyncio.gather(*(model.end() for model in self._models.values()))
        self._runs.shutdown()
        self._loads.shutdown()

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
            async with self._model_of(target).use(target) as (number, version):
                return await self._predict(target, number, version, inputs, outputs)

        return await self._answered(target.name, "predict", run)

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
        number, version = self._model_of(target).find(target)
        return number, version.signature(target.signature_name)

    def signatures(self, target: Target) -> tuple[int, dict[str, Any]]:
        """Version, and its SignatureDefs by name.

        Raises:
            ServingError: NOT_FOUND or INVALID_ARGUMENT.
        """
        number, version = self._model_of(target).find(target)
        return number, dict(version.signatures)

    def statuses(self, target: Target) -> list[VersionStatus]:
        """Where the versions are in their lives: the one asked for, or all, the newest first.

        A label is passed over, as by TF Serving.

        Raises:
            ServingError: NOT_FOUND.
        """
        model = self._models.get(target.name)
        known = model.statuses() if model else []
        if target.version is not None:
            known = [status for status in known if status.version == target.version]
            if not known:
                message = f"Could not find version {target.version} of model {target.name}"
                raise ServingError("NOT_FOUND", message)
        if not known:
            raise ServingError("NOT_FOUND", f"Could not find any versions of model {target.name}")
        return known

    async def _predict(
        self,
        target: Target,
        number: int,
        version: LoadedVersion,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str],
    ) -> Answer:
        signature = version.signature(target.signature_name)
        arrays = checks.ordered_inputs(signature, inputs)
        names = checks.output_names(signature, outputs)
        values = await self._run(target, version, arrays, names)
        return Answer(
            target.name, number, target.signature_name, dict(zip(names, values, strict=True))
        )

    async def _of_examples(
        self, target: Target, method: str, task: Task, examples: Sequence[bytes]
    ) -> Answer:
        async def run() -> Answer:
            async with self._model_of(target).use(target) as (number, version):
                name = target.signature_name
                signature = example_signatures.find(version.signatures, name, task)
                names = task.outputs(signature)
                array = example_signatures.serialized(examples)
                values = await self._run(target, version, [array], names)
                found = task.checked(len(examples), dict(zip(names, values, strict=True)))
                return Answer(target.name, number, name, found)

        return await self._answered(target.name, method, run)

    async def _run(
        self, target: Target, version: LoadedVersion, arrays: list[np.ndarray], names: list[str]
    ) -> list[np.ndarray]:
        checks.refuse_too_many(arrays, self.limits.batch)
        self.metrics.batch(target.name, checks.rows(arrays) or 1)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._runs, version.run, target.signature_name, arrays, names
        )

    async def _answered(
        self, name: str, method: str, work: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Does the work within the limits, and counts it."""
        started, code = time.monotonic(), "OK"
        try:
            with self._admitted():
                return await asyncio.wait_for(work(), self.limits.seconds)
        except asyncio.TimeoutError as error:
            code = "DEADLINE_EXCEEDED"
            message = f"no answer within {self.limits.seconds:g} s"
            raise ServingError(code, message) from error
        except ServingError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except BaseException:
            code = "INTERNAL"
            raise
        finally:
            self.metrics.request(name, method, code, time.monotonic() - started)

    @contextlib.contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._closing:
            raise ServingError("UNAVAILABLE", "the server is shutting down")
        if self._open >= self.limits.concurrent:
            message = f"{self._open} requests are under way, and no more are taken at a time"
            raise ServingError("UNAVAILABLE", message)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()

    def _model_of(self, target: Target) -> ModelVersions:
        if not target.name:
            raise ServingError("INVALID_ARGUMENT", "ModelSpec has no name specified.")
        if target.name not in self._models:
            if target.version is None and target.label:
                message = f"Unrecognized servable version label: {target.label}"
                raise ServingError("INVALID_ARGUMENT", message)
            raise not_found(target.name, target.version)
        return self._models[target.name]

    def _model(self, name: str, base: Path, config: model_config.ModelConfig) -> ModelVersions:
        return ModelVersions(
            name,
            base,
            config,
            threads=self._loads,
            load=lambda folder, name: LoadedVersion(folder),
            metrics=self.metrics,
            tell=self._tell,
        )

    async def _update(self, model: ModelVersions) -> None:
        try:
            await model.update()
        except OSError as error:
            self._tell(f"{model.name}: {model.base} cannot be read: {error.strerror}")
