"""A folder of images as a source: a folder a class, or those below train, validation and test."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.data.examples import Info
from tftrain.data.records.content import Content, check_classes
from tftrain.data.records.schema import IMAGE, Schema
from tftrain.errors import DataError
from tftrain.keras_api import tf

Size = tuple[int, int]
_SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation", "val": "validation", "valid": "validation",
    "test": "test",
}  # fmt: skip
_KEPT_AS_THEY_ARE = ("JPEG", "PNG")
_GREY = ("1", "L", "I", "I;16")


@dataclasses.dataclass(frozen=True)
class Header:
    """What the first bytes of an image file tell."""

    size: Size  # height, width
    format: str
    grey: bool


@dataclasses.dataclass(frozen=True)
class ImagePart:
    """Image files `[N]` and their classes `[N]`; read when asked for."""

    paths: Sequence[Path]
    y: np.ndarray
    headers: Sequence[Header]
    shape: tuple[int, int, int]

    def payload(self, index: int) -> bytes:
        """The file's own bytes, or a PNG where it has another size or format.

        Raises:
            DataError: It cannot be decoded.
        """
        path, header = self.paths[index], self.headers[index]
        try:
            content = path.read_bytes()
            if header.format not in _KEPT_AS_THEY_ARE:
                content = _as_png(content, header.grey)
            image = tf.io.decode_image(content, self.shape[-1], expand_animations=False)
        except Exception as error:  # what decoders raise of damaged files is open-ended
            raise DataError(f"{path} cannot be read as an image: {_short(error)}") from error
        return content if image.shape == self.shape else self._resized(image)

    def _resized(self, image: Any) -> bytes:
        resized = tf.image.resize(image, self.shape[:2], antialias=True)
        return tf.io.encode_png(tf.cast(tf.round(resized), tf.uint8)).numpy()

    def take(self, indices: np.ndarray) -> ImagePart:
        """The examples at these positions, in this order."""
        return dataclasses.replace(
            self,
            paths=[self.paths[i] for i in indices],
            y=self.y[indices],
            headers=[self.headers[i] for i in indices],
        )

    def identity(self) -> bytes:
        """A digest of the files' names, sizes and times: reading all of them would be dear."""
        digest = hashlib.sha256(self.y.tobytes())
        for path in self.paths:
            known = path.stat()
            digest.update(f"{path} {known.st_size} {known.st_mtime_ns}\n".encode())
        return digest.digest()


def read_folder(folder: Path, resize: Size | None, on_error: str) -> Content:
    """The images below a folder.

    Grey images stay grey if all are; else all are read as colour, transparency dropped. Names
    that begin with a dot are passed over.

    Args:
        folder: With a folder a class, or with `train` and perhaps `validation` and `test`.
        resize: Height and width all images shall have; as they are by default.
        on_error: At a file that is no readable image `stop`, or `skip` it.

    Raises:
        DataError: No images, one class only, a file that is none, sizes that differ.
    """
    roots = _split_roots(folder)
    labels = tuple(sorted(path.name for path in _folders(roots["train"])))
    files = {split: _files(root, labels) for split, root in roots.items()}
    headers, skipped = _headers([path for paths, _ in files.values() for path in paths], on_error)
    size = resize or _one_size(headers)
    shape = (*size, 1 if all(header.grey for header in headers.values()) else 3)
    parts = {split: _part(*found, headers, shape) for split, found in files.items()}
    for split, part in parts.items():
        if not len(part.y):
            raise DataError(f"{roots[split]} holds no readable images; at least one is needed")
    check_classes(parts, labels, str(folder))
    info = Info(folder.resolve().name, len(labels), labels, shape, 255.0, str(folder), "not stated")
    return Content(info, Schema(IMAGE, "uint8", shape), parts, tuple(skipped))


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]


def _split_roots(folder: Path) -> dict[str, Path]:
    found = _folders(folder)
    if not found:
        loose = sum(1 for path in folder.iterdir() if path.is_file())
        what = f"{loose} files but no folders" if loose else "nothing"
        raise DataError(f"{folder} holds {what}; expected a folder of images for each class")
    if not {"train"} <= {path.name for path in found} <= set(_SPLIT_FOLDERS):
        return {"train": folder}
    roots = {_SPLIT_FOLDERS[path.name]: path for path in sorted(found)}
    if len(roots) < len(found):
        raise DataError(f"{folder} holds two folders for validation; expected one")
    if not _folders(roots["train"]):
        raise DataError(f"{roots['train']} holds no folders; expected one for each class")
    return {split: roots[split] for split in ("train", "validation", "test") if split in roots}


def _files(root: Path, labels: tuple[str, ...]) -> tuple[list[Path], np.ndarray]:
    unknown = sorted({path.name for path in _folders(root)} - set(labels))
    if unknown:
        raise DataError(
            f"{root} has the class {unknown[0]!r}, which the training images lack; "
            f"they have {', '.join(labels)}"
        )
    paths: list[Path] = []
    y: list[int] = []
    for index, label in enumerate(labels):
        of_class = sorted(
            path
            for path in (root / label).rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
        paths += of_class
        y += [index] * len(of_class)
    if not paths:
        raise DataError(f"{root} holds no images: its class folders are empty")
    return paths, np.array(y, np.int64)


def _headers(paths: list[Path], on_error: str) -> tuple[dict[Path, Header], list[str]]:
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = dict(zip(paths, threads.map(_header, paths), strict=True))
    bad = [str(header) for header in found.values() if isinstance(header, DataError)]
    if bad and on_error == "stop":
        more = f" (and {len(bad) - 1} more such files)" if len(bad) > 1 else ""
        raise DataError(f"{bad[0]}{more}; remove it, or leave such files out: --on_error=skip")
    good = {path: header for path, header in found.items() if isinstance(header, Header)}
    if not good:
        raise DataError(f"none of {len(paths)} files can be read as an image; the first: {bad[0]}")
    return good, bad


def _header(path: Path) -> Header | DataError:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return Header((image.height, image.width), image.format, image.mode in _GREY)
    except Exception as error:  # as above
        return DataError(f"{path} cannot be read as an image: {_short(error)}")


def _one_size(headers: dict[Path, Header]) -> Size:
    counts = collections.Counter(header.size for header in headers.values())
    (size, count), *others = counts.most_common()
    if not others:
        return size
    other = others[0][0]
    example = next(path for path, header in headers.items() if header.size == other)
    raise DataError(
        f"images of {len(counts)} sizes: {count} are {size[0]}x{size[1]}, but {example} is "
        f"{other[0]}x{other[1]}; expected one size for all: --resize={size[0]}x{size[1]}"
    )


def _part(
    paths: list[Path], y: np.ndarray, headers: dict[Path, Header], shape: tuple[int, int, int]
) -> ImagePart:
    good = [index for index, path in enumerate(paths) if path in headers]
    kept = [paths[index] for index in good]
    return ImagePart(kept, y[good], [headers[path] for path in kept], shape)


def _as_png(content: bytes, grey: bool) -> bytes:
    from PIL import Image

    picture = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.convert("L" if grey else "RGB").save(picture, "PNG")
    return picture.getvalue()


def _short(error: Exception) -> str:
    """The first line of what went wrong, without TensorFlow's word on where in its code."""
    message = str(getattr(error, "message", error)) or type(error).__name__
    return message.split("} ")[-1].split(" [Op:")[0].splitlines()[0]
