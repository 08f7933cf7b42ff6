"""What `tftrain serve` is given, as base folders by model name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tftrain.errors import BadInput
from tftrain.serve import model_config

_SAVED_MODEL = "saved_model"  # where a run keeps its exports


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
        model = name or model_config.read(base).name or _folder_name(base)
        if model in bases:
            raise BadInput(
                f"{bases[model]} and {base} are both named {model!r}: give one another name in "
                f"its {model_config.FILE}, or serve it from another port with --name"
            )
        bases[model] = base
    return bases


def _base(path: Path) -> Path:
    if not path.is_dir():
        raise BadInput(f"{path} is not a folder: expected a base folder of versions, or a run")
    if (path / "saved_model.pb").exists():
        raise BadInput(f"{path} is one version: serve the folder of versions, {path.parent}")
    if _is_run(path):
        if not (path / _SAVED_MODEL).is_dir():
            raise BadInput(
                f"run {path} has no export: tftrain export {path} --to={path / _SAVED_MODEL}"
            )
        return path / _SAVED_MODEL
    return path


def _is_run(path: Path) -> bool:
    return (path / "config.json").is_file()


def _folder_name(base: Path) -> str:
    whole = base.resolve()
    if whole.name == _SAVED_MODEL and _is_run(whole.parent):
        return whole.parent.name
    return whole.name or "model"
