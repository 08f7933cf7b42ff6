"""The folder of one training run: where everything about it lies."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tftrain.atomic import alone_in, replace_file
from tftrain.errors import BadInput, RunFolderError

_PICTURES = {"quality": "calibration.png", "speed": "speed.png", "stability": "stability.png"}


class RunFolder:
    """The files of a run.

    Attributes:
        path: The folder.
        metrics: `metrics.jsonl`, a line an epoch.
        nan_guard: `nan_guard.jsonl`, a line a bad step, if there are any.
        checkpoints: Folder of checkpoints.
        model: `model.keras`, the trained model.
        saved_model: Folder of numbered SavedModels.
        evaluation: `evaluation.json`, what was found out about the model since.
        pictures: Of its sections, by their names.
        report: `report.html`.
        previous: Where the run that this one replaces was set aside; None if there is none.
        is_new: Whether this object has made the folder, rather than found a run in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self.config = self.path / "config.json"
        self.metrics = self.path / "metrics.jsonl"
        self.nan_guard = self.path / "nan_guard.jsonl"
        self.result = self.path / "result.json"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model.keras"
        self.saved_model = self.path / "saved_model"
        self.evaluation = self.path / "evaluation.json"
        self.pictures = {name: self.path / file for name, file in _PICTURES.items()}
        self.report = self.path / "report.html"
        self.previous: Path | None = None
        self.is_new = False

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, overwrite: bool = False) -> RunFolder:
        """Makes a new, empty run folder, or takes one that is empty, as a kill may have left it.

        With `overwrite`, what was there is set aside as `NAME.previous`, and is dropped only
        by `discard_previous`, once the new run is whole.

        Raises:
            RunFolderError: It exists and is not to be overwritten, is not a run at all, or
                another process is training in it.
        """
        run = cls(path)
        run.check_free(overwrite=overwrite)
        if overwrite and run.path.exists():
            run = cls(run.path.resolve())  # a link's target is what is replaced
            with run.locked():
                run.previous = _free_name(run.path, ".previous")
                run.path.rename(run.previous)
        if not _make(run.path):
            run.check_free(overwrite=False)  # empty still, or somebody else's now
        run.is_new = True
        return run

    def check_free(self, *, overwrite: bool, resumable: bool = True) -> None:
        """Raises RunFolderError unless a new run may be made here; changes nothing."""
        if not self.path.exists() or (not overwrite and _is_empty_folder(self.path)):
            return
        if not overwrite:
            remedies = ", --overwrite to replace it, or --resume to go on with it"
            if not resumable:
                remedies = ", or --overwrite to replace it"
            raise RunFolderError(f"{self.path} exists; give another --out{remedies}")
        self.open(self.path)

    @classmethod
    def create_numbered(cls, parent: Path, name: str) -> RunFolder:
        """Makes `parent/NAME-1`, or the next number that is free."""
        paths = (parent / f"{name}-{number}" for number in itertools.count(1))
        run = cls(next(path for path in paths if _make(path)))
        run.is_new = True
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """Opens an existing run.

        Raises:
            RunFolderError: There is no such folder, or it holds no run.
        """
        run = cls(path)
        if run.path.exists() and not run.path.is_dir():
            raise RunFolderError(f"{path} is a file; expected a run folder")
        if not run.path.is_dir():
            raise RunFolderError(f"{path} does not exist; `tftrain train --out={path}` makes it")
        if not run.config.is_file():
            raise RunFolderError(f"{path} is not a run folder: it holds no config.json")
        return run

    def discard_previous(self) -> None:
        """Removes the run that this one was told to overwrite."""
        if self.previous:
            shutil.rmtree(self.previous)

    @contextlib.contextmanager
    def gone_if_refused(self) -> Iterator[None]:
        """Within the block, input that is refused before an epoch or a checkpoint leaves no run.

        Where another run was set aside for it, that one is back in its place.
        """
        try:
            yield
        except BadInput:
            if self.is_new and not (self.read_metrics() or _holds_files(self.checkpoints)):
                self._withdraw()
            raise

    def _withdraw(self) -> None:
        shutil.rmtree(self.path)
        if self.previous:
            self.previous.rename(self.path)
            self.previous = None

    def locked(self) -> AbstractContextManager[None]:
        """Keeps other processes of this machine from training in the folder meanwhile.

        Raises:
            RunFolderError: One is at it.
        """
        return alone_in(self.path, RunFolderError(f"another process is training in {self.path}"))

    def read_config(self) -> dict[str, Any]:
        """The run's resolved settings, and the environment they were resolved in."""
        return _read_json(self.config)

    def read_result(self) -> dict[str, Any]:
        """The run's outcome, or that there is none yet: `status` is `finished` or tells."""
        if not self.result.is_file():
            return {"status": "unfinished"}
        found = _read_json(self.result)
        if "status" not in found:
            raise RunFolderError(f"{self.result} is damaged: it tells no status")
        return found

    def read_metrics(self) -> list[dict[str, Any]]:
        """The epochs' lines, in order; a last line cut short by a crash is left out."""
        if not self.metrics.is_file():
            return []
        lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        try:
            return [json.loads(line) for line in lines if line.endswith("\n")]
        except ValueError as error:
            raise RunFolderError(f"{self.metrics} is damaged: {error}") from error

    def read_evaluation(self) -> dict[str, Any]:
        """What was found out about the model: `quality`, `speed`, `stability`, as far as asked.

        Raises:
            RunFolderError: The file is damaged.
        """
        if not self.evaluation.is_file():
            return {}
        try:
            found = _read_json(self.evaluation)
        except RunFolderError as error:
            raise self.unknown_evaluation(str(error)) from error
        if not all(isinstance(section, dict) for section in found.values()):
            raise self.unknown_evaluation(f"{self.evaluation} holds no sections")
        return found

    def unknown_evaluation(self, why: str) -> RunFolderError:
        """The error that the evaluation is none of this version's, with the way on."""
        return RunFolderError(
            f"{why}; remove it, and run `tftrain evaluate {shlex.quote(str(self.path))}` again"
        )

    def add_evaluation(self, **sections: Mapping[str, Any]) -> None:
        """Writes sections of the evaluation anew; the others stay."""
        self.write_json(self.evaluation, {**self.read_evaluation(), **sections})

    def drop_evaluation(self) -> None:
        """Removes the evaluation and its pictures, which show another model than there is now."""
        for path in (self.evaluation, *self.pictures.values()):
            path.unlink(missing_ok=True)

    def keep_metrics(self, epochs: int) -> None:
        """Drops the lines after the first `epochs`, which a resumed run will write again."""
        lines = self.read_metrics()[:epochs]
        with replace_file(self.metrics) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def require_model(self) -> Path:
        """The path of the trained model.

        Raises:
            RunFolderError: The run has not ended, so there is none, or one from before.
        """
        status = self.read_result()["status"]
        if status != "finished" or not self.model.is_file():
            why = (
                f"{self.model.name} is missing" if status == "finished" else f"the run is {status}"
            )
            raise RunFolderError(
                f"{self.path} has no finished model: {why}; "
                f"`tftrain train --resume --out={self.path}` finishes it"
            )
        return self.model

    def write_json(self, path: Path, content: Mapping[str, Any]) -> None:
        """Writes one of the run's JSON files, atomically."""
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _make(path: Path) -> bool:
    """Makes a folder and its parents; False if there is something of this name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
    except OSError as error:
        if path.exists():
            return False
        raise RunFolderError(f"{path} cannot be made: {error.strerror}") from error
    return True


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _free_name(path: Path, suffix: str) -> Path:
    candidate, number = path.with_name(path.name + suffix), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}{suffix}-{number}")
    return candidate


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{path} holds {type(content).__name__}; expected settings")
    return content
