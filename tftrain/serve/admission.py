"""Who is let in: so many requests at a time, each for so long, and none at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tftrain.errors import ServingError
from tftrain.serve.terms import Limits, Metrics
from tftrain.serve.under_way import UnderWay

Result = TypeVar("Result")


class Admission:
    """The door of the server, and its book of who came and what became of them.

    Args:
        limits: How many at a time, and how long.
        metrics: The book.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._under_way = UnderWay()
        self._closed = False

    async def admit(self, name: str, method: str, work: Callable[[], Awaitable[Result]]) -> Result:
        """Does the work of a request, if there is room for it, and counts it.

        Args:
            name: The model.
            method: What is asked of it, such as predict.
            work: Begins the work.

        Raises:
            ServingError: What the work raises; UNAVAILABLE if too many others are here.
        """
        started, code = time.monotonic(), "OK"
        try:
            self._refuse_if_full()
            with self._under_way:
                return await work()
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
            self._metrics.request(name, method, code, time.monotonic() - started)

    async def in_time(self, answer: asyncio.Future[Result]) -> Result:
        """The answer; it is cancelled when it takes too long, or when nobody waits any more.

        Raises:
            ServingError: DEADLINE_EXCEEDED, or what the answer raises.
        """
        try:  # asyncio.wait_for would make a task of each request
            done, _ = await asyncio.wait((answer,), timeout=self._limits.seconds)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        if not done:
            answer.cancel()
            message = f"no answer within {self._limits.seconds:g} s"
            raise ServingError("DEADLINE_EXCEEDED", message)
        return answer.result()

    async def close(self) -> None:
        """Lets nobody in any more, and returns when all have left."""
        self._closed = True
        await self._under_way.ended()

    def _refuse_if_full(self) -> None:
        if self._closed:
            raise ServingError("UNAVAILABLE", "the server is shutting down")
        if self._under_way.count >= self._limits.concurrent:
            message = f"{self._under_way.count} requests are under way: no more are taken at a time"
            raise ServingError("UNAVAILABLE", message)
