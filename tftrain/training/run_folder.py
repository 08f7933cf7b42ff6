"""The folder of one training run: where everything about it lies."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tftrain.atomic import replace_file
from tftrain.errors import RunFolderError


class RunFolder:
    """The files of a run.

    Attributes:
        path: The folder.
        metrics: `metrics.jsonl`, a line an epoch.
        checkpoints: Folder of checkpoints.
        model: `model.keras`, the trained model.
        saved_model: Folder of numbered SavedModels.
        report: `report.html`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.metrics = self.path / "metrics.jsonl"
        self.result = self.path / "result.json"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model.keras"
        self.saved_model = self.path / "saved_model"
        self.report = self.path / "report.html"
        self._previous: Path | None = None

    @classmethod
    def create(cls, path: Path, *, overwrite: bool = False) -> RunFolder:
        """Makes a new, empty run folder.

        With `overwrite`, what was there is set aside as `NAME.previous`, and is dropped only
        by `discard_previous`, once the new run is whole.

        Raises:
            RunFolderError: It exists and is not to be overwritten, or is not a run at all.
        """
        if path.exists():
            if not overwrite:
                raise RunFolderError(cls.taken(path))
            cls.open(path)
            previous = _free_name(path, ".previous")
            path.rename(previous)
        else:
            previous = None
        _make(path)
        run = cls(path)
        run._previous = previous
        return run

    @staticmethod
    def taken(path: Path) -> str:
        """What to tell someone who wants a new run where something exists."""
        return (
            f"{path} exists; give another --out, --overwrite to replace it, "
            "or --resume to go on with it"
        )

    @classmethod
    def create_numbered(cls, parent: Path, name: str) -> RunFolder:
        """Makes `parent/NAME-1`, or the next number that is free."""
        number = 1
        while True:
            try:
                return cls.create(parent / f"{name}-{number}")
            except RunFolderError:
                number += 1

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """Opens an existing run.

        Raises:
            RunFolderError: There is no such folder, or it holds no run.
        """
        run = cls(path)
        if not run.path.is_dir():
            raise RunFolderError(f"{path} does not exist; `tftrain train --out={path}` makes it")
        if not run.config.is_file():
            raise RunFolderError(f"{path} is not a run folder: it holds no config.json")
        return run

    def discard_previous(self) -> None:
        """Removes the run that this one was told to overwrite."""
        if self._previous:
            shutil.rmtree(self._previous)

    def read_config(self) -> dict[str, Any]:
        """The run's resolved settings, and the environment they were resolved in."""
        return _read_json(self.config)

    def read_result(self) -> dict[str, Any]:
        """The run's outcome.

        Raises:
            RunFolderError: The run has not ended.
        """
        if not self.result.is_file():
            raise RunFolderError(
                f"{self.path} has no result yet; `tftrain train --resume --out={self.path}` "
                "finishes it"
            )
        return _read_json(self.result)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The epochs' lines, in order; a last line cut short by a crash is left out."""
        if not self.metrics.is_file():
            return []
        lines = self.metrics.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def keep_metrics(self, epochs: int) -> None:
        """Drops the lines after the first `epochs`, which a resumed run will write again."""
        lines = self.read_metrics()[:epochs]
        with replace_file(self.metrics) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def require_model(self) -> Path:
        """The path of the trained model.

        Raises:
            RunFolderError: The run has not ended, so there is none.
        """
        if not self.model.is_file():
            raise RunFolderError(
                f"{self.path} has no model.keras: the run did not end; "
                f"`tftrain train --resume --out={self.path}` finishes it"
            )
        return self.model

    def write_json(self, path: Path, content: Mapping[str, Any]) -> None:
        """Writes one of the run's JSON files, atomically."""
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n")


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
    except OSError as error:
        raise RunFolderError(f"{path} cannot be made: {error.strerror}") from error


def _free_name(path: Path, suffix: str) -> Path:
    candidate, number = path.with_name(path.name + suffix), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}{suffix}-{number}")
    return candidate


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error
