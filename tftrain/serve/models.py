"""The models that are served: found by name, added and removed while the others go on."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tftrain.errors import ServingError
from tftrain.export import batching_file
from tftrain.export.batching_file import Batching
from tftrain.serve import model_config, warm_up
from tftrain.serve.batching import BatchedRuns
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.model_config import ModelConfig
from tftrain.serve.model_versions import ModelVersions, not_found
from tftrain.serve.runs import Runner, SingleRuns
from tftrain.serve.terms import Metrics, Target, VersionStatus

DEFAULTS = Batching(max_batch_size=32, allowed_batch_sizes=(), max_enqueued_batches=100)
_LOADS = 2  # versions that are loaded at a time


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A model's versions, and what runs them."""

    versions: ModelVersions
    runner: Runner


class Models:
    """Models by name.

    Args:
        bases: Folders of versions by model name.
        batching: How requests are joined; None for not at all.
        threads: Runs of graphs at a time; by default as many as there are cores.
        metrics: Who counts.
        tell: Is told in a line what changes.

    Raises:
        BadInput: A base's `models.config` or `batching.config` cannot be understood.
    """

    def __init__(
        self,
        bases: Mapping[str, Path],
        *,
        batching: Batching | None,
        threads: int | None,
        metrics: Metrics,
        tell: Callable[[str], None],
    ) -> None:
        self._batching, self._metrics, self._tell = batching, metrics, tell
        self._slots = threads or os.cpu_count() or 1
        self._runs = ThreadPoolExecutor(self._slots, thread_name_prefix="run")
        self._loads = ThreadPoolExecutor(_LOADS, thread_name_prefix="load")
        self._models: dict[str, ServedModel] = {}
        self._removed: dict[str, ModelVersions] = {}
        self._ending: set[asyncio.Task[None]] = set()
        for name, base in bases.items():
            self.add(name, base, model_config.read(base))

    @property
    def names(self) -> list[str]:
        """Of all models."""
        return list(self._models)

    @property
    def versions(self) -> list[ModelVersions]:
        """Of all models."""
        return [model.versions for model in self._models.values()]

    def find(self, target: Target) -> ServedModel:
        """The model that a request is for.

        Raises:
            ServingError: INVALID_ARGUMENT or NOT_FOUND.
        """
        if not target.name:
            raise ServingError("INVALID_ARGUMENT", "ModelSpec has no name specified.")
        if target.name in self._models:
            return self._models[target.name]
        if target.version is None and target.label:
            message = f"Unrecognized servable version label: {target.label}"
            raise ServingError("INVALID_ARGUMENT", message)
        raise not_found(target.name, target.version)

    def statuses(self, target: Target) -> list[VersionStatus]:
        """Where the versions are in their lives (see `Core.statuses`).

        Raises:
            ServingError: NOT_FOUND.
        """
        model = self._models.get(target.name)
        versions = model.versions if model else self._removed.get(target.name)
        known = versions.statuses() if versions else []
        if target.version is not None:
            known = [status for status in known if status.version == target.version]
            if not known:
                message = f"Could not find version {target.version} of model {target.name}"
                raise ServingError("NOT_FOUND", message)
        if not known:
            raise ServingError("NOT_FOUND", f"Could not find any versions of model {target.name}")
        return known

    def add(self, name: str, base: Path, config: ModelConfig) -> ModelVersions:
        """Takes a model in; its versions are loaded when it is updated.

        Raises:
            BadInput: `batching.config` cannot be understood.
        """
        runner = self._runner(name, base)
        versions = ModelVersions(
            name,
            base,
            config,
            threads=self._loads,
            load=_load,
            metrics=self._metrics,
            tell=self._tell,
        )
        self._models[name] = ServedModel(versions, runner)
        self._removed.pop(name, None)
        return versions

    def remove(self, name: str) -> asyncio.Task[None]:
        """Finds the model no more; the task is done when its last request is."""
        versions = self._models.pop(name).versions
        self._removed[name] = versions
        task = asyncio.get_running_loop().create_task(versions.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def close(self) -> None:
        """Frees all models."""
        for name in self.names:
            self.remove(name)
        await asyncio.gather(*self._ending)
        self._runs.shutdown()
        self._loads.shutdown()

    def _runner(self, name: str, base: Path) -> Runner:
        if self._batching is None:
            return SingleRuns(self._runs, self._metrics)
        batching = self._batching.or_else(batching_file.read(base).or_else(DEFAULTS))
        return BatchedRuns(name, batching, self._runs, self._slots, self._metrics)


def _load(folder: Path) -> LoadedVersion:
    version = LoadedVersion(folder)
    try:
        warm_up.replay(version, folder)
    except BaseException:
        version.close()
        raise
    return version
