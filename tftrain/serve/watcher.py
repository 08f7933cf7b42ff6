"""Looks at the base folders again and again, for versions that came or went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tftrain.serve.model_versions import ModelVersions
from tftrain.serve.models import Models


class Watcher:
    """Keeps models up to date with their folders.

    Args:
        models: May change meanwhile.
        seconds: From one look to the next.
        tell: Is told in a line, once, what stands in the way.
    """

    def __init__(self, models: Models, seconds: float, tell: Callable[[str], None]) -> None:
        self._models, self._seconds, self._tell = models, seconds, tell
        self._told: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks once, and then goes on in the background."""
        await self.look()
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Looks no more; returns when a look under way has ended."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Brings every model up to date, at the same time."""
        await asyncio.gather(*(self._update(model) for model in self._models.versions))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.look()

    async def _update(self, model: ModelVersions) -> None:
        try:
            await model.update()
        except Exception as error:  # the next look may find it well again
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            line = f"{model.name}: {model.base} cannot be read: {reason}"
        else:
            line = ""
        if line != self._told.get(model.name, ""):
            self._told[model.name] = line
            if line:
                self._tell(line)
