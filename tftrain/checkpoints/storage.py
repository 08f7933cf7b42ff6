"""Checkpoints in a folder: tensors in TensorFlow's own format, the rest as JSON beside them.

A checkpoint is a folder that appears whole. TensorFlow's format keeps a checksum of each tensor
and checks it when the tensor is read; the document has one of its own. So damage is found when a
checkpoint is opened, and the one before it can be used. See docs/design/run-state.md for what was
compared.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.atomic import UNFINISHED, publish_folder
from tftrain.errors import CheckpointDamaged, CheckpointError
from tftrain.keras_api import tf

FORMAT = 1
_PREFIX, _DIGITS = "step-", 9
_REPLACED = ".replaced-"
_TENSORS, _DOCUMENT = "tensors", "state.json"


@dataclasses.dataclass(frozen=True)
class Saved:
    """A checkpoint read back.

    Attributes:
        path: Its folder.
        number: Steps that it has behind it.
        tensors: Arrays by name.
        document: What was saved beside them.
    """

    path: Path
    number: int
    tensors: dict[str, np.ndarray]
    document: dict[str, Any]


class CheckpointFolder:
    """A folder of checkpoints, each under the number of steps behind it.

    Args:
        path: The folder; it is made by the first write.

    Example:
        >>> import tempfile
        >>> folder = CheckpointFolder(tempfile.mkdtemp())
        >>> _ = folder.write(7, {"w": tf.constant([1.0, 2.0])}, {"epoch": 0})
        >>> saved = folder.newest()
        >>> saved.number, saved.tensors["w"].tolist(), saved.document
        (7, [1.0, 2.0], {'epoch': 0})
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def numbers(self) -> list[int]:
        """Numbers of the checkpoints, in order; damaged ones included."""
        entries = [*self.path.glob(f"{_PREFIX}*"), *self.path.glob(f"{_REPLACED}{_PREFIX}*")]
        found = {entry.name.removeprefix(_REPLACED).removeprefix(_PREFIX) for entry in entries}
        return sorted(int(number) for number in found if number.isdigit())

    def write(
        self, number: int, tensors: Mapping[str, tf.Tensor], document: Mapping[str, Any]
    ) -> Path:
        """Writes a checkpoint; one of the same number is replaced.

        Args:
            number: Steps behind it.
            tensors: By name, not empty. Reading a variable (`variable.read_value()`) is no copy:
                TensorFlow copies when the variable is next assigned.
            document: What JSON can hold.

        Raises:
            OSError: It cannot be written; the others are as they were.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        target = self._of(number)
        replaced = None
        if target.exists():
            replaced = self._set_aside(number)
            target.rename(replaced)
        with publish_folder(target) as folder:
            _write_tensors(folder, tensors)
            _write_document(folder, document)
        if replaced is not None:
            shutil.rmtree(replaced)
        return target

    def read(self, number: int) -> Saved:
        """Reads a checkpoint and checks all of it.

        Raises:
            CheckpointError: There is none, or a newer tftrain wrote it.
            CheckpointDamaged: It is not what was written.
        """
        path = self._of(number)
        if not path.is_dir():  # killed between setting it aside and putting another in its place
            path = self._set_aside(number)
        if not path.is_dir():
            raise CheckpointError(f"{self.path} has no checkpoint of step {number}")
        return Saved(path, number, *_read(path))

    def newest(self, say: Callable[[str], None] = lambda text: None) -> Saved | None:
        """The newest checkpoint that is whole; None if there is none at all.

        Args:
            say: Is told of each damaged one.

        Raises:
            CheckpointDamaged: All of them are damaged.
            CheckpointError: A newer tftrain wrote the newest.
        """
        damage: list[str] = []
        for number in reversed(self.numbers()):
            try:
                return self.read(number)
            except CheckpointDamaged as error:
                damage.append(str(error))
                say(f"{error}; the one before it is used")
        if damage:
            raise CheckpointDamaged(f"no checkpoint in {self.path} is whole: {damage[0]}")
        return None

    def tidy(self) -> None:
        """Clears away what a killed process has left half done; for the folder's only writer."""
        for number in self.numbers():
            target, replaced = self._of(number), self._set_aside(number)
            if not target.exists():
                replaced.rename(target)
            shutil.rmtree(replaced, ignore_errors=True)
        for unfinished in self.path.glob(f"{UNFINISHED}*-{_PREFIX}*"):
            shutil.rmtree(unfinished)

    def drop_all_but(self, numbers: Collection[int]) -> None:
        """Removes checkpoints, the oldest first."""
        for number in self.numbers():
            if number not in numbers:
                shutil.rmtree(self._of(number), ignore_errors=True)

    def _set_aside(self, number: int) -> Path:
        return self.path / f"{_REPLACED}{self._of(number).name}"

    def _of(self, number: int) -> Path:
        return self.path / f"{_PREFIX}{number:0{_DIGITS}d}"


def _write_tensors(folder: Path, tensors: Mapping[str, tf.Tensor]) -> None:
    try:
        with tf.device("CPU:0"):
            tf.raw_ops.SaveV2(
                prefix=str(folder / _TENSORS),
                tensor_names=list(tensors),
                shape_and_slices=[""] * len(tensors),
                tensors=list(tensors.values()),
            )
    except tf.errors.OpError as error:
        raise OSError(f"{folder} cannot be written: {error.message}") from error


def _write_document(folder: Path, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, allow_nan=True)
    whole = {"format": FORMAT, "checksum": zlib.crc32(text.encode()), "state": text}
    (folder / _DOCUMENT).write_text(json.dumps(whole), encoding="utf-8")


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        whole = json.loads((path / _DOCUMENT).read_text(encoding="utf-8"))
        form, text, checksum = whole["format"], whole["state"], whole["checksum"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointDamaged(f"{path / _DOCUMENT} is damaged: {error}") from error
    if form > FORMAT:
        raise CheckpointError(
            f"{path} has format {form}, but this tftrain reads up to {FORMAT}: update tftrain"
        )
    if zlib.crc32(text.encode()) != checksum:
        raise CheckpointDamaged(f"{path / _DOCUMENT} is damaged: its checksum is another")
    return dict(_read_tensors(path)), json.loads(text)


def _read_tensors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    try:
        with tempfile.TemporaryDirectory() as plain:  # TensorFlow takes [ and * for patterns
            link = Path(plain, "checkpoint")
            link.symlink_to(path.absolute())
            reader = tf.train.load_checkpoint(str(link / _TENSORS))
            for name in reader.get_variable_to_shape_map():
                yield name, reader.get_tensor(name)
    except Exception as error:  # of a kind that depends on what is damaged
        reason = str(error).splitlines()[0]
        raise CheckpointDamaged(f"the tensors of {path} are damaged: {reason}") from error
