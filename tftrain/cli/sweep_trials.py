"""A trial of a sweep as a command line of `tftrain train`, checked as that command checks it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import data, training
from tftrain.cli import arguments, train
from tftrain.errors import ConfigError, RunFolderError
from tftrain.sweeps import Trial
from tftrain.sweeps.space import Settings, Space, checked

PYTHON = (sys.executable,)
_OF_THE_SWEEP = ("out", "resume", "overwrite", "find_learning_rate", "force_resume")
_OF_SEVERAL_PROCESSES = ("multiworker", "ps", "tpu")
_PATHS = ("config", "data_dir")
_NOWHERE = "--out=/nonexistent/trial"  # where no run is in the way
_LEAVING_SECONDS = 30.0


def problems(words: Sequence[str]) -> Iterator[str]:
    """What is wrong with the flags that all trials are given, whatever is varied."""
    values, parsed = _parsed(words)
    yield from parsed.problems
    for name in _OF_THE_SWEEP:
        if values[name].present:
            yield f"--{name} cannot be given to trials: each has a folder of its own"


def wrong_settings(words: Sequence[str], space: Space) -> Iterator[str]:
    """What `tftrain train` would refuse of the trials, each sentence once."""
    values, parsed = _parsed(words)
    yield from (
        f"{name} is varied, and --{name} after -- fixes it: give one of them"
        for name in space
        if values[name].present
    )
    others = [word for word in settled(words) if _name(word) not in space]
    fixed = [*others, *parsed.positional]
    found = (each for settings in checked(space) for each in _refused(fixed, settings))
    yield from dict.fromkeys(found)


def settled(words: Sequence[str]) -> list[str]:
    """Flags that mean the same from any folder, each as one word."""
    values, _ = _parsed(words)
    return [_absolute(name, values[name]) for name in arguments.given(values)]


def command(words: Sequence[str]) -> Callable[[Trial], list[str]]:
    """What runs a trial: a new training, or one that goes on.

    Args:
        words: Flags for all trials.
    """

    def of(trial: Trial) -> list[str]:
        if problems := list(_refused(words, trial.settings)):
            raise ConfigError(problems)
        return [*PYTHON, "-m", "tftrain", "train", *_begun_or_not(trial, words)]

    return of


def as_typed(trial: Trial, words: Sequence[str]) -> list[str]:
    """The flags that train a trial again."""
    return [*_flags(trial.settings), *_seed(trial, words), *words]


def _parsed(words: Sequence[str]) -> tuple[flags.FlagValues, arguments.Parsed]:
    values = flags.FlagValues()
    train.define_flags(values)
    return values, arguments.parse(values, words)


def _refused(words: Sequence[str], settings: Settings) -> Iterator[str]:
    values, parsed = _parsed([*words, *_flags(settings), _NOWHERE])
    yield from parsed.problems
    yield from train.problems(values, parsed.positional)
    if values.strategy in _OF_SEVERAL_PROCESSES:
        yield f"strategy is {values.strategy!r}, but a trial is one process on this machine"


def _flags(settings: Mapping[str, Any]) -> list[str]:
    """Those of settings; one that is None is left alone."""
    return [f"--{name}={value}" for name, value in settings.items() if value is not None]


def _seed(trial: Trial, words: Sequence[str]) -> list[str]:
    values, _ = _parsed(words)
    in_file = values.config and "seed" in training.read_file(values.config)
    given = "seed" in trial.settings or values["seed"].present or in_file
    return [] if given else [f"--seed={trial.seed}"]


def _begun_or_not(trial: Trial, words: Sequence[str]) -> list[str]:
    folder, out = training.RunFolder(trial.folder), f"--out={trial.folder}"
    values, _ = _parsed(words)
    unverified = [] if values["verify_export"].present else ["--noverify_export"]
    if folder.path.exists():
        _wait_until_left(folder)
        if folder.checkpoints.is_dir() and any(folder.checkpoints.iterdir()):
            settings = {*training.TrainConfig.__dataclass_fields__, "config"}
            others = [word for word in words if _name(word) not in settings]
            return ["--resume", out, *others, *unverified]
        shutil.rmtree(folder.path)  # it was ended before there was anything to go on with
    return [*as_typed(trial, words), out, *unverified]


def _wait_until_left(folder: training.RunFolder) -> None:
    """A training whose sweep was killed takes a moment to save and end."""
    deadline = time.monotonic() + _LEAVING_SECONDS
    while True:
        try:
            with folder.locked():
                return
        except RunFolderError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _name(word: str) -> str:
    return word.lstrip("-").partition("=")[0]


def _absolute(name: str, flag: flags.Flag) -> str:
    value = flag.value
    if name in _PATHS or (name == "cache" and value != "memory"):
        return f"--{name}={Path(value).expanduser().absolute()}"
    if name == "dataset" and value.startswith(data.RECORDS):
        folder = Path(value.removeprefix(data.RECORDS)).expanduser().absolute()
        return f"--{name}={data.RECORDS}{folder}"
    return flag.serialize()
