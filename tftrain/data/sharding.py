"""Which part of a dataset a worker reads that reads only its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tftrain.errors import BadInput


@dataclasses.dataclass(frozen=True)
class Share:
    """What one worker of several reads.

    Attributes:
        worker: Its index, from 0.
        workers: Their number.
        files: Indices of the files it reads.
        every: It keeps every so manieth example of those files; 1 for all.
    """

    worker: int
    workers: int
    files: tuple[int, ...]
    every: int = 1

    @property
    def offset(self) -> int:
        """The first example kept, of every `every`."""
        return self.worker if self.every > 1 else 0

    def kept(self, examples: int) -> int:
        """How many of that many examples in its files it keeps."""
        return len(range(self.offset, examples, self.every))


def share(shard: tuple[int, int] | None, files: Sequence[int]) -> Share:
    """Shares out whole files where there are enough of them, else single examples.

    Whole files are cheaper, as a worker then reads nothing that it does not use.

    Args:
        shard: (index of the worker, number of workers); None for a single worker.
        files: Examples in each file.

    Raises:
        BadInput: There is no such worker.

    Example:
        >>> share((1, 2), [10, 10, 10])
        Share(worker=1, workers=2, files=(1,), every=1)
        >>> share((1, 2), [10])
        Share(worker=1, workers=2, files=(0,), every=2)
    """
    worker, workers = check_shard(shard) or (0, 1)
    if len(files) >= workers:
        return Share(worker, workers, tuple(range(worker, len(files), workers)))
    return Share(worker, workers, tuple(range(len(files))), workers)


def check_shard(shard: tuple[int, int] | None) -> tuple[int, int] | None:
    """Raises BadInput unless `shard` is (index, number of workers)."""
    if shard is None:
        return None
    worker, workers = shard
    if not 0 <= worker < workers:
        raise BadInput(f"shard is {shard}; expected (index, workers) with 0 <= index < workers")
    return worker, workers


def describe(part: Share, files: Sequence[int]) -> str:
    """The line that tells a user what a worker reads.

    Example:
        >>> describe(share((0, 2), [10, 10, 10]), [10, 10, 10])
        'worker 0 of 2 reads 2 of 3 files, 20 of 30 examples'
        >>> describe(share((1, 2), [9]), [9])
        'worker 1 of 2 reads every 2nd example of 1 file, 4 of 9 examples'
    """
    read = part.kept(sum(files[index] for index in part.files))
    if part.every > 1:
        ordinal = {2: "2nd", 3: "3rd"}.get(part.every, f"{part.every}th")
        what = f"every {ordinal} example of {len(files)} file{'s' * (len(files) > 1)}"
    else:
        what = f"{len(part.files)} of {len(files)} files"
    examples = f"{read:,} of {sum(files):,} examples"
    return f"worker {part.worker} of {part.workers} reads {what}, {examples}"
