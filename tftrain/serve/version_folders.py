"""Which versions lie in a base folder, and whether one has changed since it was looked at."""

from __future__ import annotations

import os
from pathlib import Path

from tftrain.export.versions import version_of


def versions_in(base: Path) -> dict[int, Path]:
    """Folders by version: those whose names parse as int64, as TF Serving takes them.

    Raises:
        OSError: The base cannot be listed.
    """
    found = {}
    for name in sorted(os.listdir(base)):
        version = version_of(name)
        if version is not None:
            found[version] = base / name
    return found


def contents(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of all files: equal as long as nothing is copied into the folder."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            try:
                status = os.stat(path)
            except OSError:  # it is being moved away
                continue
            found.append((os.path.relpath(path, folder), status.st_size, status.st_mtime_ns))
    return tuple(sorted(found))
