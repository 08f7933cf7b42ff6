"""The versions of one model: which are loaded, which answers, and when an old one may end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from tftrain.errors import ServingError
from tftrain.keras_api import tf
from tftrain.serve import checks, version_folders
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.model_config import ModelConfig
from tftrain.serve.terms import Metrics, Target, VersionStatus
from tftrain.serve.under_way import UnderWay

REMEMBERED = 20  # ended versions of each model

Load = Callable[[Path], LoadedVersion]


@dataclasses.dataclass
class _Version:
    number: int
    folder: Path
    status: VersionStatus
    loaded: LoadedVersion | None = None
    failed_contents: Any = None
    uses: UnderWay = dataclasses.field(default_factory=UnderWay)


class ModelVersions:
    """A model and those of its versions that are, or were, served.

    All methods belong to one event loop; only loading and closing happen in threads.

    Args:
        name: The model.
        base: Folder of its versions.
        config: What is served of it.
        threads: Where versions are loaded and closed.
        load: Gives the version of a folder, ready to answer, or raises what is wrong with it.
        metrics: Is told each state.
        tell: Is told each change in a line.
    """

    def __init__(
        self,
        name: str,
        base: Path,
        config: ModelConfig,
        *,
        threads: Executor,
        load: Load,
        metrics: Metrics,
        tell: Callable[[str], None],
    ) -> None:
        self.name, self.base, self.config = name, base, config
        self._threads, self._load = threads, load
        self._metrics, self._tell = metrics, tell
        self._versions: dict[int, _Version] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._told = ""
        self._one_at_a_time = asyncio.Lock()
        self._ended = False

    def statuses(self) -> list[VersionStatus]:
        """Of all versions that are known, the newest first, as TF Serving lists them."""
        return [self._versions[number].status for number in sorted(self._versions, reverse=True)]

    def available(self) -> list[int]:
        """Versions that answer requests, in growing order."""
        return sorted(
            number
            for number, version in self._versions.items()
            if version.status.state == "AVAILABLE"
        )

    def find(self, target: Target) -> tuple[int, LoadedVersion]:
        """The version that a request is for, at this moment.

        Raises:
            ServingError: NOT_FOUND: it does not answer; INVALID_ARGUMENT: there is no such label.
        """
        version = self._find(target)
        assert version.loaded is not None
        return version.number, version.loaded

    @contextlib.contextmanager
    def use(self, target: Target) -> Iterator[tuple[int, LoadedVersion]]:
        """Gives the version that a request is for, and keeps it in memory inside the block.

        Raises:
            ServingError: As `find`.
        """
        version = self._find(target)
        with version.uses:
            assert version.loaded is not None
            yield version.number, version.loaded

    def _find(self, target: Target) -> _Version:
        number = target.version
        if number is None and target.label:
            number = self.config.labels.get(target.label)
            if number is None:
                raise ServingError(
                    "INVALID_ARGUMENT", f"Unrecognized servable version label: {target.label}"
                )
        available = self.available()
        if number is None and available:
            return self._versions[available[-1]]
        if number in available:
            return self._versions[number]
        raise not_found(self.name, number)

    async def update(self) -> None:
        """Loads what is new in the base folder, then ends what is to be served no longer.

        The last version stays, even where its folder is gone: TF Serving does so where it is told
        that versions are always present.

        Raises:
            OSError: The base cannot be listed; nothing has changed.
        """
        async with self._one_at_a_time:
            if not self._ended:
                await self._update()

    async def _update(self) -> None:
        folders = await self._in_thread(version_folders.versions_in, self.base)
        wanted = self.config.policy.chosen(folders)
        if not wanted:
            self._tell_once(f"{self.name}: no version in {self.base}; {self._goes_on()}")
            return
        self._told = ""
        for number in sorted(wanted):
            await self._bring(number, folders[number])
        if wanted & set(self.available()):
            for number in set(self.available()) - wanted:
                self._begin_end(self._versions[number])

    async def end(self) -> None:
        """Ends all versions, each after its last request; none comes after them."""
        async with self._one_at_a_time:
            self._ended = True
            for number in self.available():
                self._begin_end(self._versions[number])
        await asyncio.gather(*self._ending)

    async def _bring(self, number: int, folder: Path) -> None:
        known = self._versions.get(number)
        if known and known.status.state in ("AVAILABLE", "UNLOADING"):
            return
        contents = await self._in_thread(version_folders.contents, folder)
        if known and known.failed_contents == contents:
            return
        version = _Version(number, folder, VersionStatus(number, "START"))
        self._versions[number] = version
        self._set(version, "LOADING")
        try:
            version.loaded = await self._in_thread(self._load, folder)
        except Exception as error:  # whatever the loader makes of a damaged folder
            version.failed_contents = contents
            self._fail(version, error)
        else:
            self._set(version, "AVAILABLE")
            self._tell(f"{self.name}: version {number} is served")

    def _fail(self, version: _Version, error: Exception) -> None:
        code, message = _reason(error)
        self._set(version, "END", code, message)
        self._tell(
            f"{self.name}: version {version.number} cannot be loaded, {self._goes_on()}; it is "
            f"tried again when {version.folder} has changed: {' '.join(message.split())}"
        )

    def _goes_on(self) -> str:
        now = self.available()
        return f"version {now[-1]} goes on" if now else "waiting for one"

    def _begin_end(self, version: _Version) -> None:
        self._set(version, "UNLOADING")
        self._start(self._end(version))

    async def _end(self, version: _Version) -> None:
        await version.uses.ended()
        assert version.loaded is not None
        await self._in_thread(version.loaded.close)
        version.loaded = None
        self._set(version, "END")
        self._forget()

    def _forget(self) -> None:
        ended = [n for n, version in self._versions.items() if version.status.state == "END"]
        for number in sorted(ended)[:-REMEMBERED]:
            del self._versions[number]

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _set(self, version: _Version, state: str, code: str = "OK", message: str = "") -> None:
        version.status = VersionStatus(version.number, state, code, message)
        self._metrics.version(self.name, version.number, state)

    def _tell_once(self, line: str) -> None:
        if line != self._told:
            self._told = line
            self._tell(line)

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


def _reason(error: Exception) -> tuple[str, str]:
    """Why a version cannot be loaded, as a status."""
    if isinstance(error, OSError):
        return "NOT_FOUND", str(error)
    if isinstance(error, tf.errors.OpError):
        error = checks.refusal(error)
    if isinstance(error, ServingError):
        return error.code, error.message
    return "UNKNOWN", f"{type(error).__name__}: {error}"


def not_found(name: str, version: int | None) -> ServingError:
    """TF Serving's refusal of a model or version that does not answer."""
    request = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return ServingError("NOT_FOUND", f"Servable not found for request: {request}")
