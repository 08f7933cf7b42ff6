"""A LiteRT model in memory: run, saved, loaded."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tftrain import structures
from tftrain.atomic import replace_file
from tftrain.errors import BadInput
from tftrain.keras_api import quiet_stderr, tf
from tftrain.litert import notes

_IDENTIFIER = b"TFL3"  # at bytes 4 to 8 of every such file


class LiteModel:
    """A model as LiteRT has it.

    Args:
        content: What a `.tflite` file holds.
        threads: How many its kernels use.

    Attributes:
        content: What a `.tflite` file holds.
        threads: How many threads its kernels use.

    Raises:
        BadInput: The content is no such file's, or `threads` is not positive.
    """

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        if threads < 1:
            raise BadInput(f"threads is {threads}; expected at least 1")
        self.content = bytes(content)
        self.threads = threads
        self._lock = threading.Lock()  # an interpreter has one set of tensors
        self._interpreter = _interpreter(self.content, threads)
        self._runner = _runner(self._interpreter)
        self._takes = self._runner.get_input_details()
        self._gives = self._runner.get_output_details()
        self._batch = max(int(one["shape_signature"][0]) for one in self._takes.values())
        said = notes.read(self.content)
        self._inputs = said.get("inputs") or _plain(self._takes)
        self._outputs = said.get("outputs") or _plain(self._gives)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int = 1) -> LiteModel:
        """Reads a `.tflite` file, of whatever origin.

        Raises:
            BadInput: There is none, or it is no such file or damaged.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from error
        try:
            return cls(content, threads=threads)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the file, replacing `path` atomically; missing folders are made."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as temporary:
            temporary.write_bytes(self.content)
        return path

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.content)

    @property
    def inputs(self) -> dict[str, tuple[tuple[int | None, ...], np.dtype]]:
        """Shape, with None for free axes, and dtype of each input by name."""
        return _described(self._takes)

    @property
    def outputs(self) -> dict[str, tuple[tuple[int | None, ...], np.dtype]]:
        """Shape, with None for free axes, and dtype of each output by name."""
        return _described(self._gives)

    def predict(self, x: Any, batch_size: int = 32) -> Any:
        """The model's outputs for inputs.

        A model with a batch of fixed size runs as often as it takes. Integer inputs are made of
        floats, and floats of integer outputs, by the scales that the model has for them.

        Args:
            x: `[N, ...]`; several inputs in the list or dict that the Keras model takes, or in a
                dict by `inputs`' names.
            batch_size: Examples run at once.

        Returns:
            Arrays `[N, ...]` in the structure of the Keras model's outputs.

        Raises:
            BadInput: The inputs do not fit.
        """
        if batch_size < 1:
            raise BadInput(f"batch_size is {batch_size}; expected at least 1")
        values = structures.by_name(self._inputs, x)
        arrays = {name: _fitting(name, values[name], self._takes[name]) for name in values}
        rows = _rows(arrays)
        size = self._batch if self._batch > 0 else batch_size
        with self._lock:
            parts = [
                self._run({name: array[start : start + size] for name, array in arrays.items()})
                for start in range(0, rows, size)
            ]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return structures.nested(self._outputs, joined)

    def _run(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = len(next(iter(batch.values())))
        if rows < self._batch:
            batch = {name: _padded(array, self._batch) for name, array in batch.items()}
        results = self._runner(**batch)
        return {
            name: _dequantized(array, self._gives[name])[:rows] for name, array in results.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        return {"content": self.content, "threads": self.threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def __repr__(self) -> str:
        ends = f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}"
        return f"LiteModel({ends}, {self.size} bytes)"


def _interpreter(content: bytes, threads: int) -> Any:
    if content[4:8] != _IDENTIFIER:
        raise BadInput("this is no LiteRT model: it lacks the mark 'TFL3' of .tflite files")
    try:
        if notes.end(content) > len(content):
            raise ValueError("it is cut short")
        with warnings.catch_warnings(), quiet_stderr():
            # TensorFlow announces the end of its interpreter, which is LiteRT's under another name
            warnings.simplefilter("ignore")
            made = tf.lite.Interpreter(model_content=content, num_threads=threads)
            made.allocate_tensors()
            return made
    except Exception as error:
        raise BadInput(f"this LiteRT model is damaged or cannot run here: {error}") from error


def _runner(interpreter: Any) -> Any:
    signatures = list(interpreter.get_signature_list())
    if not signatures:
        raise BadInput("this LiteRT model has no signature: convert it by a recent converter")
    return interpreter.get_signature_runner(signatures[0])


def _plain(details: dict[str, Any]) -> Any:
    """The structure of a model that does not tell: a tensor, or a dict by names."""
    return next(iter(details)) if len(details) == 1 else {"dict": {name: name for name in details}}


def _described(details: dict[str, Any]) -> dict[str, tuple[tuple[int | None, ...], np.dtype]]:
    return {
        name: (
            tuple(int(size) if size >= 0 else None for size in one["shape_signature"]),
            np.dtype(one["dtype"]),
        )
        for name, one in details.items()
    }


def _fitting(name: str, given: Any, detail: dict[str, Any]) -> np.ndarray:
    array = np.asarray(given)
    wanted = [int(size) for size in detail["shape_signature"]][1:]
    if array.ndim != len(wanted) + 1 or any(
        size >= 0 and size != other for size, other in zip(wanted, array.shape[1:], strict=True)
    ):
        shape = ", ".join(["N", *("any" if size < 0 else str(size) for size in wanted)])
        raise BadInput(f"input {name!r} has shape {array.shape}; expected [{shape}]")
    if array.dtype.kind not in "biuf":
        raise BadInput(f"input {name!r} is {array.dtype}; expected {np.dtype(detail['dtype'])}")
    return _quantized(array, detail)


def _rows(arrays: dict[str, np.ndarray]) -> int:
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        raise BadInput(f"inputs have different numbers of examples: {rows}")
    count = next(iter(rows.values()))
    if not count:
        raise BadInput("there is no example to predict; expected at least one")
    return count


def _quantized(array: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    dtype, (scale, zero) = np.dtype(detail["dtype"]), detail["quantization"]
    if not scale or array.dtype == dtype:
        return array.astype(dtype)
    bounds = np.iinfo(dtype)
    return np.clip(np.round(array / scale + zero), bounds.min, bounds.max).astype(dtype)


def _dequantized(array: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    scale, zero = detail["quantization"]
    if not scale or array.dtype.kind == "f":
        return array
    return ((array.astype("float32") - zero) * scale).astype("float32")


def _padded(array: np.ndarray, rows: int) -> np.ndarray:
    return np.concatenate([array, np.repeat(array[-1:], rows - len(array), axis=0)])
