"""The versions of a model: folders with numbers for names, side by side."""

from __future__ import annotations

import re
from pathlib import Path

from tftrain import atomic
from tftrain.atomic import StagedFolder
from tftrain.errors import ExportError
from tftrain.export.saved_model_files import is_saved_model

_ATTEMPTS = 100
_LARGEST = 2**63 - 1  # servers read the name as int64
_NUMBER = re.compile(r"[+-]?[0-9]+")


def check(base: Path, version: int | None, keep: int | None) -> None:
    """Checks where to publish, before any work; makes nothing.

    Raises:
        ExportError: The version is not positive or exists, `keep` is not positive, or the folder
            is a file, or in one.
    """
    for name, number in (("version", version), ("keep", keep)):
        if number is not None and not 1 <= number <= _LARGEST:
            raise ExportError(f"{name} is {number}; expected a positive integer")
    there = existing(base)
    if not there.is_dir():
        raise ExportError(f"{base} cannot be made a folder: {there} is a file")
    if version is not None:
        _require_free(base / str(version))


def existing(base: Path) -> Path:
    """The folder, or the innermost one around it that exists."""
    return next(path for path in (base, *base.absolute().parents) if path.exists())


def _require_free(target: Path) -> None:
    if target.exists():
        raise ExportError(f"{target} exists; versions are never replaced: choose another")


def publish(staged: StagedFolder, base: Path, version: int | None) -> Path:
    """Gives a complete SavedModel its number.

    Args:
        staged: Of the same base.
        base: Folder of the versions.
        version: None for one more than the largest there, whoever else is publishing.

    Raises:
        ExportError: The version has appeared meanwhile.
    """
    for _ in range(_ATTEMPTS):
        target = base / str(version or following(base))
        if version is not None:
            _require_free(target)
        try:
            staged.publish(target)
        except OSError:
            if not target.exists():
                raise
        else:
            return target
    raise ExportError(f"{base}: other exports took {_ATTEMPTS} version numbers meanwhile")


def following(base: Path) -> int:
    """One more than the largest version there; 1 where there is no folder."""
    return 1 + max((0, *_numbers(base).values()))


def _numbers(base: Path) -> dict[Path, int]:
    numbers = ((path, version_of(path.name)) for path in base.glob("*"))
    return {path: number for path, number in numbers if number is not None and number < _LARGEST}


def version_of(name: str) -> int | None:
    """The version that a folder's name stands for, or None.

    Example:
        >>> version_of("0012"), version_of(".tmp-1-3"), version_of("3.0")
        (12, None, None)
    """
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name)
    return number if -_LARGEST - 1 <= number <= _LARGEST else None


def prune(base: Path, keep: int, published: Path) -> list[Path]:
    """Removes old versions.

    Only SavedModels are removed, and each as a whole: its name goes first, so that a server never
    finds a part of one.

    Args:
        base: Folder of the versions.
        keep: How many of the newest stay, 1 at least.
        published: Stays in any case.

    Returns:
        What was removed.
    """
    numbers = _numbers(base)
    ours = [path for path in numbers if is_saved_model(path) and not path.is_symlink()]
    old = sorted(ours, key=lambda path: numbers[path], reverse=True)[keep:]
    removed = []
    for path in old:
        if path != published:
            try:
                atomic.remove_folder(path)
            except FileNotFoundError:  # another export has removed it
                continue
            removed.append(path)
    return removed
