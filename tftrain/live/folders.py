"""Where trainings of this user on this machine are found: a folder for each job."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "TFTRAIN_LIVE_DIR"
IN_RUN = "live"  # the folder in a run's folder
_KEPT_SECS = 3600.0  # what a killed job has left behind


def of_user() -> list[Path]:
    """Folders to look in, the one to write to first.

    `TFTRAIN_LIVE_DIR` alone where it is set. Otherwise the runtime folder of the session, which
    goes when the user logs out, and one in the temporary folder, for those that have no session.
    """
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return [Path(chosen)]
    session = os.environ.get("XDG_RUNTIME_DIR")
    shared = Path(tempfile.gettempdir(), f"tftrain-{_user()}")
    return [*([Path(session, "tftrain")] if session else []), shared]


def of_job(job: str) -> Path:
    """The folder of a job, made where it is not there.

    Raises:
        OSError: It cannot be made, or somebody else has made it.
    """
    folder = of_user()[0]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours(folder):
        raise PermissionError(f"{folder} belongs to somebody else")
    made = folder / job
    made.mkdir(exist_ok=True)
    return made


def is_ours(folder: Path) -> bool:
    """Whether nobody else may have put it there: the temporary folder is everybody's."""
    found = folder.lstat()
    if not hasattr(os, "getuid"):  # Windows, where each user has a temporary folder
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def jobs() -> Iterator[Path]:
    """The folders of all jobs; those that have been left behind long ago are removed."""
    for parent in of_user():
        with contextlib.suppress(OSError):
            yield from (each for each in sorted(parent.iterdir()) if is_ours(parent))


def clear(folder: Path) -> None:
    """Removes the folder of a job of which nothing runs, once it is an hour old."""
    with contextlib.suppress(OSError):
        if time.time() - folder.stat().st_mtime > _KEPT_SECS:
            shutil.rmtree(folder)


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Writes a file that is read whole or not at all; after a power cut nobody wants it."""
    temporary = file.with_name(f".{file.name}-{os.getpid()}")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    os.replace(temporary, file)


def read(file: Path) -> dict[str, Any] | None:
    """What a file holds; None if it is gone or is none of ours."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "job" in found else None


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()
