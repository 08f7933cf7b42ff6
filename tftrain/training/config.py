"""The settings of a training run: one declaration for flags, config files and config.json."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tftrain import augment, data, distribute, models, optim
from tftrain.distribute import layouts
from tftrain.errors import BadInput, ConfigError, suggestion
from tftrain.refusals import refusals
from tftrain.training import engines, optimization

_LARGEST = 2**31
# Sections of config.json that describe the run and set nothing.
RECORDED = "environment"
FINETUNED = "finetuning"


def _setting(default: Any, help: str, kind: type) -> Any:
    return dataclasses.field(default=default, metadata={"help": help, "kind": kind})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What decides a training's outcome. Every field is a flag of `tftrain train`."""

    model: str = _setting("mlp", "|".join(models.names()), str)
    dataset: str = _setting(
        "digits",
        f"{'|'.join(data.BUILT_IN)}, a TensorFlow Datasets name, or records:FOLDER",
        str,
    )
    data_dir: str | None = _setting(None, "folder with the dataset's files", str)
    cache: str | None = _setting(None, "of records: memory, or a folder for decoded copies", str)
    augment: str | None = _setting(None, f"of {', '.join(augment.names())}; e.g. flip,crop:4", str)
    epochs: int = _setting(50, "passes over the training data", int)
    batch_size: int = _setting(32, "examples a step", int)
    optimizer: str = _setting("adam", "|".join(optim.names()), str)
    learning_rate: float | None = _setting(None, "default: the optimizer's own", float)
    momentum: float | None = _setting(None, "of sgd, rmsprop, lars, muon", float)
    weight_decay: float | None = _setting(None, "of kernels; default: the optimizer's own", float)
    schedule: str = _setting("constant", "|".join(optim.schedules.names()), str)
    warmup: str | None = _setting(None, "linear rise of the rate: 200, '2 epochs' or 5%", str)
    clip: str | None = _setting(None, "value|norm|global_norm|adaptive:LIMIT of gradients", str)
    accumulate: int = _setting(1, "batches an update", int)
    ema: float | None = _setting(None, "share the average of the weights keeps, as 0.999", float)
    l1: float | None = _setting(None, "penalty on sizes of kernels", float)
    l2: float | None = _setting(None, "penalty on squares of kernels", float)
    dropout: float | None = _setting(None, "default: the model's own", float)
    seed: int = _setting(0, "of weights, order and dropout", int)
    strategy: str = _setting("auto", "|".join(distribute.NAMES), str)
    devices: int | None = _setting(None, "of auto, mirrored: how many (CPUs are split to try)", int)
    memory_per_device: str | None = _setting(None, "with auto: 2GiB; the planner chooses", str)
    sync_every: int | None = _setting(None, "with multiworker: steps between averagings", int)
    mesh: str | None = _setting(None, "of model_parallel: as batch=2,model=2", str)
    layout: str | None = _setting(None, f"of model_parallel: {'|'.join(layouts.READY_MADE)}", str)
    stages: int | None = _setting(None, "with pipeline: parts of the model, one a device", int)
    micro_batches: int | None = _setting(None, "with pipeline: parts of a batch (4)", int)
    engine: str = _setting("auto", "|".join(engines.NAMES), str)
    gradient_codec: str = _setting("none", "|".join(optim.codecs.FORMS), str)
    nan_guard: str | None = _setting(None, f"{'|'.join(optimization.GUARDS)} bad steps", str)
    gradient_codec_warmup: int = _setting(0, "steps before the codec begins", int)


def resolve(file: Mapping[str, Any], flags: Mapping[str, Any]) -> TrainConfig:
    """Defaults, overridden by a file's settings, overridden by flags.

    A flag that names another strategy leaves out what the file asks of its own.

    Raises:
        ConfigError: Unknown names, wrong types, impossible values: all of them at once.
    """
    settings = {name: value for name, value in file.items() if name not in (RECORDED, FINETUNED)}
    for option in _of_another_strategy(settings, flags):
        settings.pop(option, None)
    known = {field.name: field for field in dataclasses.fields(TrainConfig)}
    problems = [
        f"unknown setting {name!r};{suggestion(name, known)} known: {', '.join(known)}"
        for name in settings
        if name not in known
    ]
    values = {}
    for name, value in {**settings, **flags}.items():
        if name in known:
            values[name] = _as_number(known[name], value)
            problems += _type_problem(known[name], values[name])
    if not problems:
        config = TrainConfig(**values)
        problems = list(_value_problems(config))
    if problems:
        raise ConfigError(problems)
    return _absolute(config)


def _of_another_strategy(file: Mapping[str, Any], flags: Mapping[str, Any]) -> Iterator[str]:
    before = file.get("strategy")
    after = flags.get("strategy", before)
    for name, option in distribute.OPTIONS.items():
        if option.is_setting and before in option.strategies and after not in option.strategies:
            yield name


def strategy_options(config: TrainConfig) -> dict[str, Any]:
    """What is asked of the strategy besides its name."""
    settings = [name for name, option in distribute.OPTIONS.items() if option.is_setting]
    return {name: getattr(config, name) for name in settings}


def read_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Settings from a JSON or YAML file.

    Raises:
        BadInput: The file is missing, cannot be parsed, or holds no mapping.
    """
    try:
        content = _parse(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"config file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"config file {path} is neither JSON nor YAML: {reason}") from error
    if not isinstance(content, dict):
        held = "nothing" if content is None else type(content).__name__
        raise BadInput(f"config file {path} holds {held}; expected settings")
    return content


def _parse(text: str) -> Any:
    # YAML 1.1 takes JSON's 1e-05 for a string and refuses tabs, so it is not tried first.
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def _absolute(config: TrainConfig) -> TrainConfig:
    """So that the recorded settings mean the same from any folder."""
    paths = {}
    if config.data_dir is not None:
        paths["data_dir"] = _absolute_path(config.data_dir)
    if config.cache not in (None, "memory"):
        paths["cache"] = _absolute_path(config.cache)
    if config.dataset.startswith(data.RECORDS):
        folder = config.dataset.removeprefix(data.RECORDS)
        paths["dataset"] = data.RECORDS + _absolute_path(folder)
    return dataclasses.replace(config, **paths)


def _absolute_path(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _as_number(field: dataclasses.Field[Any], value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as a string; everywhere else it is a number. A length may be both."""
    if field.name == "warmup" and type(value) is int:
        return str(value)
    if field.metadata["kind"] is not float or not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _type_problem(field: dataclasses.Field[Any], value: Any) -> Iterable[str]:
    kind = field.metadata["kind"]
    accepted = (int, float) if kind is float else kind
    optional = field.default is None and value is None
    if not optional and (not isinstance(value, accepted) or isinstance(value, bool)):
        yield f"{field.name} is {value!r}; expected {kind.__name__}"


def _value_problems(config: TrainConfig) -> Iterator[str]:
    for check, name in (
        (models.check_name, config.model),
        (data.check_name, config.dataset),
        (optim.check_name, config.optimizer),
        (augment.check_names, config.augment),
        (engines.check_name, config.engine),
    ):
        if name is not None:
            yield from refusals(check, name)
    if config.cache is not None and not config.dataset.startswith(data.RECORDS):
        yield (
            f"cache is {config.cache!r}, but the dataset is {config.dataset!r}, which is in memory "
            "already; expected it only with records:FOLDER"
        )
    yield from refusals(distribute.check_options, config.strategy, **strategy_options(config))
    for name in ("epochs", "batch_size", "learning_rate"):
        value = getattr(config, name)
        if value is not None and not 0 < value < float("inf"):
            yield f"{name} is {value}; expected a positive number"
        elif isinstance(value, int) and value >= _LARGEST:
            yield f"{name} is {value}; expected less than {_LARGEST}"
    yield from optimization.problems(config)
    if not 0 <= config.seed < _LARGEST:
        yield f"seed is {config.seed}; expected 0 to {_LARGEST - 1}"
