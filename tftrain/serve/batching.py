"""Dynamic batching: requests that are alike run through the graph together.

A request is joined with others of the same version, signature, outputs, dtypes and shapes but for
the rows. As in TF Serving, a batch is run when a thread is idle and the batch is full or its oldest
request has waited for the timeout; while all threads are busy, requests gather.

Without a timeout a request waits for clients only who were answered a moment ago: a client by
itself is never kept waiting, and many at a time are answered in large batches.

The model must treat rows independently, as every model in inference does.
"""

from __future__ import annotations

import asyncio
import bisect
import dataclasses
from collections import deque
from collections.abc import Hashable, Sequence
from concurrent.futures import Executor

import numpy as np

from tftrain.errors import ServingError
from tftrain.export.batching_file import Batching
from tftrain.serve import checks
from tftrain.serve.runs import Call, SingleRuns
from tftrain.serve.terms import Metrics

RETURN_SECONDS = 0.002  # after an answer, in which its client is awaited
PATIENCE_SECONDS = 0.01  # that a request waits for such clients at most

Outcome = list[np.ndarray] | ServingError


@dataclasses.dataclass(eq=False)
class _Request:
    arrays: list[np.ndarray]
    rows: int
    answer: asyncio.Future[list[np.ndarray]]
    arrived: float  # in the loop's time


@dataclasses.dataclass(eq=False)
class _Queue:
    call: Call
    requests: deque[_Request] = dataclasses.field(default_factory=deque)


class BatchedRuns:
    """Joins the calls of one model.

    Args:
        model: Its name.
        batching: How; nothing in it is None but `threads`.
        threads: Where batches run.
        slots: How many of them at a time.
        metrics: Is told the rows of each batch, and how many requests wait.
    """

    def __init__(
        self, model: str, batching: Batching, threads: Executor, slots: int, metrics: Metrics
    ) -> None:
        self._model, self._batching = model, batching
        self._threads, self._metrics = threads, metrics
        self._free = batching.threads or slots
        self._alone = SingleRuns(threads, metrics)
        self._queues: dict[Hashable, _Queue] = {}
        self._soon: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = 0
        self._returning = 0  # requests answered a moment ago whose clients have not come back
        self._answered = 0.0  # when the last of them was

    def start(self, call: Call, arrays: list[np.ndarray]) -> asyncio.Future[list[np.ndarray]]:
        """As Runner.start."""
        rows = checks.rows(arrays)
        most = self._batching.max_batch_size
        signature = call.version.signatures[call.signature]
        if not rows or rows >= most or not checks.fits(signature, arrays):
            return self._alone.start(call, arrays)
        self._refuse_when_full()
        loop = asyncio.get_running_loop()
        request = _Request(arrays, rows, loop.create_future(), loop.time())
        key = (call, *((array.dtype, array.shape[1:]) for array in arrays))
        self._queues.setdefault(key, _Queue(call)).requests.append(request)
        self._count(1)
        self._returning = max(0, self._returning - 1)
        if self._soon is None:  # not at once: others may have arrived in the same moment
            self._soon = loop.call_soon(self._start_batches)
        return request.answer

    def _refuse_when_full(self) -> None:
        most = self._batching.max_enqueued_batches * self._batching.max_batch_size
        if self._waiting >= most:
            raise ServingError(
                "UNAVAILABLE",
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{self._waiting} tasks are waiting",
            )

    def _start_batches(self) -> None:
        """Gives idle threads what is due; where nothing is yet, wakes up when it will be."""
        for handle in (self._soon, self._timer):
            if handle:
                handle.cancel()
        self._soon = self._timer = None
        loop = asyncio.get_running_loop()
        while self._free and self._queues:
            key, queue = min(self._queues.items(), key=self._urgency)
            due = self._urgency((key, queue))
            if due > loop.time():
                self._timer = loop.call_at(due, self._start_batches)
                return
            batch = self._take(queue)
            if not queue.requests:
                del self._queues[key]
            if batch:
                self._run_batch(queue.call, batch)

    def _urgency(self, item: tuple[Hashable, _Queue]) -> float:
        requests = item[1].requests
        if sum(request.rows for request in requests) >= self._batching.max_batch_size:
            return 0.0
        arrived = requests[0].arrived
        if self._batching.timeout_micros is not None:
            return arrived + self._batching.timeout_micros / 1e6
        if not self._returning:
            return arrived
        return min(self._answered + RETURN_SECONDS, arrived + PATIENCE_SECONDS)

    def _take(self, queue: _Queue) -> list[_Request]:
        """The requests of the next batch, without those that nobody waits for any more."""
        batch: list[_Request] = []
        rows = 0
        while queue.requests and rows + queue.requests[0].rows <= self._batching.max_batch_size:
            request = queue.requests.popleft()
            self._count(-1)
            if not request.answer.done():
                batch.append(request)
                rows += request.rows
        return batch

    def _count(self, more: int) -> None:
        self._waiting += more
        self._metrics.waiting(self._model, self._waiting)

    def _run_batch(self, call: Call, batch: list[_Request]) -> None:
        self._free -= 1
        self._metrics.batch(self._model, sum(request.rows for request in batch))
        outcomes = asyncio.get_running_loop().run_in_executor(
            self._threads,
            run_joined,
            call,
            [request.arrays for request in batch],
            self._batching.allowed_batch_sizes,
        )
        outcomes.add_done_callback(lambda done: self._finish(batch, done))

    def _finish(self, batch: list[_Request], done: asyncio.Future[list[Outcome]]) -> None:
        self._free += 1
        self._expect(len(batch))
        fault = done.exception()
        outcomes = [fault] * len(batch) if fault else done.result()
        for request, outcome in zip(batch, outcomes, strict=True):
            if request.answer.done():  # nobody waits for it any more
                continue
            if isinstance(outcome, BaseException):
                request.answer.set_exception(outcome)
            else:
                request.answer.set_result(outcome)
        self._start_batches()

    def _expect(self, number: int) -> None:
        """Clients that have their answers may ask again at once, and are worth waiting for."""
        now = asyncio.get_running_loop().time()
        if now > self._answered + RETURN_SECONDS:
            self._returning = 0
        self._returning += number
        self._answered = now


def run_joined(
    call: Call, requests: Sequence[list[np.ndarray]], sizes: Sequence[int] = ()
) -> list[Outcome]:
    """Runs requests together; where that fails, each alone, so that none fails for another.

    Args:
        call: What to run.
        requests: Arrays of each, alike but for the number of rows.
        sizes: Numbers of rows to pad to.

    Returns:
        The outputs of each, or its error.
    """
    if len(requests) > 1 or sizes:
        rows = [len(arrays[0]) for arrays in requests]
        try:
            joined = call.run(_padded(requests, sum(rows), sizes))
        except ServingError:
            return [_alone(call, arrays) for arrays in requests]
        padded = _size(sum(rows), sizes)
        if all(output.ndim and len(output) == padded for output in joined):
            return _parts(joined, rows)
    return [_alone(call, arrays) for arrays in requests]


def _padded(
    requests: Sequence[list[np.ndarray]], rows: int, sizes: Sequence[int]
) -> list[np.ndarray]:
    """All rows one after the other, then the first row as often as needed."""
    missing = _size(rows, sizes) - rows
    joined = []
    for arrays in zip(*requests, strict=True):
        parts = [*arrays, *([arrays[0][:1]] * missing)]
        joined.append(np.concatenate(parts) if len(parts) > 1 else parts[0])
    return joined


def _size(rows: int, sizes: Sequence[int]) -> int:
    place = bisect.bisect_left(sizes, rows)
    return sizes[place] if place < len(sizes) else rows


def _parts(joined: list[np.ndarray], rows: Sequence[int]) -> list[Outcome]:
    ends = np.cumsum(rows)
    return [
        [output[end - number : end] for output in joined]
        for end, number in zip(ends.tolist(), rows, strict=True)
    ]


def _alone(call: Call, arrays: list[np.ndarray]) -> Outcome:
    try:
        return call.run(arrays)
    except ServingError as error:
        return error
