"""A new list of models, sent to the running server as TF Serving takes it (ReloadConfigRequest)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tftrain.errors import BadInput, ServingError
from tftrain.export import batching_file
from tftrain.serve.checks import INVALID
from tftrain.serve.model_config import ModelConfig
from tftrain.serve.models import Models


async def reload(models: Models, config: Any, allowed: Collection[Path] | None) -> None:
    """Serves the models of the list, and those of them alone.

    Nothing changes if the list is refused. A model that stays keeps its versions; it is taken in
    anew where its base is another.

    Args:
        models: What is served.
        config: A tensorflow.serving.ModelServerConfig.
        allowed: Bases that may be served; None for any.

    Raises:
        ServingError: INVALID_ARGUMENT for a list that says nothing sensible; FAILED_PRECONDITION
            for labels of versions that do not answer; PERMISSION_DENIED for other bases;
            UNKNOWN if new models do not become available.
    """
    kind = config.WhichOneof("config")
    if kind is None:  # as TF Serving, which takes no action then
        return
    if kind != "model_config_list":
        raise ServingError(
            INVALID,
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported",
        )
    wanted = {}
    for model in config.model_config_list.config:
        _check(model, wanted, allowed)
        _check_labels(models, model)
        wanted[model.name] = model
    await _replace(models, wanted)


def _check(model: Any, before: Collection[str], allowed: Collection[Path] | None) -> None:
    if not model.name:
        raise ServingError(INVALID, "ModelConfig has no name specified.")
    if model.name in before:
        message = f"Illegal to list model {model.name} multiple times in config list"
        raise ServingError(INVALID, message)
    if not model.base_path.startswith("/"):
        raise ServingError(
            INVALID,
            f"Expected model {model.name} to have an absolute path or URI; "
            f"got base_path()={model.base_path}",
        )
    if model.model_platform not in ("", "tensorflow"):
        raise ServingError(
            INVALID, f"Model {model.name} requests unsupported platform {model.model_platform}"
        )
    base = Path(model.base_path)
    if allowed is not None and base.resolve() not in {path.resolve() for path in allowed}:
        raise ServingError(
            "PERMISSION_DENIED",
            f"base path {base} of model {model.name} is none of those that this server was "
            "started with (--any_base allows others)",
        )
    if not base.is_dir():
        raise ServingError(INVALID, f"Could not find base path {base} for servable {model.name}")


def _check_labels(models: Models, model: Any) -> None:
    known = {versions.name: versions for versions in models.versions}
    available = known[model.name].available() if model.name in known else []
    for version in model.version_labels.values():
        if version not in available:
            raise ServingError(
                "FAILED_PRECONDITION",
                f"Request to assign label to version {version} of model {model.name}, which is "
                "not currently available for inference",
            )


async def _replace(models: Models, wanted: dict[str, Any]) -> None:
    """Replaces all at once, so that whoever gives up waiting leaves no half of it."""
    new = {name: config for name, config in wanted.items() if not _keeps(models, config)}
    try:
        for config in new.values():
            batching_file.read(Path(config.base_path))
    except BadInput as error:
        raise ServingError(INVALID, str(error)) from error
    ending = [models.remove(name) for name in models.names if name in new or name not in wanted]
    for versions in models.versions:
        versions.config = ModelConfig.of(wanted[versions.name])
    added = [
        models.add(name, Path(config.base_path), ModelConfig.of(config))
        for name, config in new.items()
    ]
    await asyncio.gather(*(versions.update() for versions in models.versions), *ending)
    failed = [versions.name for versions in added if not versions.available()]
    if failed:
        raise ServingError("UNKNOWN", f"models did not become available: {', '.join(failed)}")


def _keeps(models: Models, config: Any) -> bool:
    """Whether the model is served already, from the same base."""
    bases = {versions.name: versions.base for versions in models.versions}
    base = bases.get(config.name)
    return base is not None and base.resolve() == Path(config.base_path).resolve()
