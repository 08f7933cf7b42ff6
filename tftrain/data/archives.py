"""Readers of the files that image datasets come in: NumPy archives and IDX, plain or gzipped.

Nothing here unpickles: an archive holding Python objects is refused.
"""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tftrain.errors import DataError

_IDX_TYPES = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_LARGEST_IDX = 8 << 30
_LARGEST_RANK = 4


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in an `.npz`.

    Raises:
        DataError: The file is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except Exception as error:  # what a damaged header makes zipfile raise is open-ended
        raise DataError(
            f"{path} is no .npz archive: it is truncated or damaged; fetch it again"
        ) from error


def read_npz(path: Path, names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """Reads arrays by name from an `.npz`, with pickling off.

    Raises:
        DataError: The file is damaged, lacks a name, or holds pickled objects.
    """
    found = npz_names(path)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names if name in found}
    except Exception as error:  # as above
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path} holds pickled objects; they are not opened, because unpickling can run "
                "code: save plain arrays with numpy.savez"
            ) from error
        raise DataError(f"{path} is damaged ({error}): fetch it again") from error
    for name in names:
        if name not in arrays:
            raise DataError(
                f"{path} lacks the array {name!r}; expected {', '.join(names)}, "
                f"found {', '.join(found) or 'none'}"
            )
    return tuple(arrays[name] for name in names)


def read_idx(path: Path) -> np.ndarray:
    """Reads an IDX file, plain or `.gz`; its header tells the type and shape.

    Reference: the format is described on the MNIST page, yann.lecun.com/exdb/mnist.

    Raises:
        DataError: The file is damaged, truncated, or not IDX.
    """
    content = _bytes(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise DataError(
            f"{path} is not an IDX file: it starts with {content[:4].hex() or 'nothing'}"
        )
    dtype, rank = _IDX_TYPES[content[2]], content[3]
    start = 4 + 4 * rank
    if rank > _LARGEST_RANK:
        raise DataError(f"{path} tells of {rank} axes; images and labels have at most 4")
    if len(content) < start:
        raise DataError(f"{path} ends inside its header: it is truncated; fetch it again")
    shape = struct.unpack(f">{rank}I", content[4:start])
    expected = start + dtype.itemsize * math.prod(shape)
    if len(content) != expected:
        raise DataError(
            f"{path} holds {len(content)} bytes, but its header, shape {shape}, "
            f"tells {expected}: it is truncated or damaged; fetch it again"
        )
    return (
        np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
    )


def _bytes(path: Path) -> bytes:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            content = file.read(_LARGEST_IDX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}; fetch it again") from error
    if len(content) > _LARGEST_IDX:
        raise DataError(
            f"{path} unpacks to more than {_LARGEST_IDX >> 30} GiB; that is no image set"
        )
    return content
