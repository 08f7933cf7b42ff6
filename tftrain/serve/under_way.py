"""A count of what is under way, and the moment when nothing is."""

from __future__ import annotations

import asyncio
from types import TracebackType


class UnderWay:
    """Counts those who are inside its `with` block. It belongs to one event loop.

    Attributes:
        count: How many are inside now.
    """

    def __init__(self) -> None:
        self.count = 0
        self._none = asyncio.Event()

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.count -= 1
        if not self.count:
            self._none.set()

    async def ended(self) -> None:
        """Returns when nobody is inside; those who came meanwhile are waited for as well."""
        while self.count:
            self._none.clear()
            await self._none.wait()
