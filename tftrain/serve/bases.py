"""What `tftrain serve` is given, as base folders by model name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tftrain.errors import BadInput
from tftrain.export import serving_files
from tftrain.export.saved_model_files import is_saved_model
from tftrain.export.serving_files import RUN_FOLDER


def by_name(given: Sequence[str], name: str | None = None) -> dict[str, Path]:
    """The base folders to serve, by the names of their models.

    A name is what `name` says, else what the base's `models.config` says, else for the exports of
    a run the run's name, else the folder's.

    Args:
        given: Base folders, or runs.
        name: Of the only one.

    Raises:
        BadInput: One is no folder, or is a version and not the folder of versions, or two models
            have the same name.
    """
    if name and len(given) > 1:
        raise BadInput(f"--name={name} names one model, but there are {len(given)} bases")
    bases: dict[str, Path] = {}
    for path in given:
        base = _base(Path(path).expanduser())
        model = name or serving_files.model_name(base)
        if model in bases:
            raise BadInput(
                f"{bases[model]} and {base} are both named {model!r}: give one another name in "
                f"its {serving_files.MODELS}, or serve it from another port with --name"
            )
        bases[model] = base
    return bases


def _base(path: Path) -> Path:
    if not path.is_dir():
        raise BadInput(f"{path} is not a folder: expected a base folder of versions, or a run")
    if is_saved_model(path):
        raise BadInput(f"{path} is one version: serve the folder of versions, {path.parent}")
    if (path / "config.json").is_file():  # a run
        if not (path / RUN_FOLDER).is_dir():
            raise BadInput(
                f"run {path} has no export: tftrain export {path} --to={path / RUN_FOLDER}"
            )
        return path / RUN_FOLDER
    return path
