"""How many files and examples a worker gets, as far as a dataset can tell before it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from tftrain.keras_api import tf

_READERS = ("TFRecordDataset", "TextLineDataset", "FixedLengthRecordDataset")


@dataclasses.dataclass(frozen=True)
class Share:
    """What a dataset says of itself; None where it cannot know.

    Attributes:
        examples: Number of examples in all of it; -1 where it has no end.
        files: Number of files it reads.
        policy: Its AutoShardPolicy: AUTO, FILE, DATA, HINT or OFF.
    """

    examples: int | None = None
    files: int | None = None
    policy: str = "AUTO"

    def describe(self, workers: int) -> str:
        """One line about all workers' shares.

        Example:
            >>> Share(examples=60000).describe(workers=4)
            '60000 examples, about 15000 a worker; every worker reads all of them and
            trains on its own part of each batch (sharding policy AUTO)'
        """
        return f"{self._content(workers)}; {self._sharing} (sharding policy {self.policy})"

    def _content(self, workers: int) -> str:
        files = "" if self.files is None else f" in {self.files} file" + "s" * (self.files != 1)
        if self.examples is None:
            return f"an unknown number of examples{files}"
        if self.examples < 0:
            return f"examples without end{files}"
        return f"{self.examples} examples{files}, about {-(-self.examples // workers)} a worker"

    @property
    def _sharing(self) -> str:
        if self.policy in ("OFF", "HINT"):
            return "every worker trains on all that its own dataset gives"
        return "every worker reads all of them and trains on its own part of each batch"


def share_of(dataset: Any, examples: int | None = None) -> Share:
    """The share of a `tf.data.Dataset`; nothing is read.

    Args:
        dataset: The dataset of batches; anything else is described as unknown.
        examples: The number of examples where it is known from elsewhere (arrays).
    """
    if not isinstance(dataset, tf.data.Dataset):
        return Share(examples=examples)
    policy = dataset.options().experimental_distribute.auto_shard_policy
    return Share(
        examples=_examples(dataset) if examples is None else examples,
        files=_files(dataset),
        policy=getattr(policy, "name", str(policy)),
    )


def _chain(dataset: Any) -> Iterator[Any]:
    """The dataset and those it is made from, the last step first."""
    yield dataset
    for source in dataset._inputs():
        yield from _chain(source)


def _examples(dataset: Any) -> int | None:
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        return -1
    for step in _chain(dataset):
        if hasattr(step, "_batch_size"):
            dataset = step._input_dataset
            break
    count = int(dataset.cardinality())
    return None if count == tf.data.UNKNOWN_CARDINALITY else count


def _files(dataset: Any) -> int | None:
    for step in _chain(dataset):
        names = getattr(step, "_filenames", None)
        if type(step).__name__.startswith(_READERS) and names is not None:
            return _count(names)
    # Interleaved readers are hidden in a function; the file names that go into it are not.
    for step in _chain(dataset):
        if "Interleave" in type(step).__name__ or "FlatMap" in type(step).__name__:
            source = step._inputs()[0]
            if source.element_spec == tf.TensorSpec([], tf.string):
                return _count(source)
    return None


def _count(names: Any) -> int | None:
    if isinstance(names, tf.data.Dataset):
        count = int(names.cardinality())
        return count if count >= 0 else None
    return int(tf.size(names))
