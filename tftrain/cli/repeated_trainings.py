"""The same training again with a setting changed, as a process, kept in RUN/stability.

One that is finished is not done again, one that was interrupted goes on, and one of other settings
is replaced.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tftrain import training
from tftrain.distribute import launcher
from tftrain.errors import EvaluationError, RunFolderError, TrainingFailed

FOLDER = "stability"
PYTHON = (sys.executable,)
_LARGEST_SEED = 2**31
_SPARED = ("--noverify_export", "--noreport")
_STARTED_HERE = ("auto", "one", "mirrored")
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True)
class Repetition:
    """A training to be there.

    Attributes:
        case: What it is called in tables.
        folder: Where it is, or is to be.
        config: Its settings.
        workers: Processes that it takes.
    """

    case: str
    folder: training.RunFolder
    config: training.TrainConfig
    workers: int = 1


def over_seeds(folder: training.RunFolder, count: int) -> list[Repetition]:
    """The trainings with the seeds that follow the run's own, which is the first of `count`.

    Raises:
        EvaluationError: The run is none of one process.
    """
    config = _settings(folder)
    if config.strategy not in _STARTED_HERE:
        raise EvaluationError(
            [
                f"--seeds: {folder.path} was trained under strategy {config.strategy!r}, and only "
                f"trainings of one process are repeated; expected {' or '.join(_STARTED_HERE)}"
            ]
        )
    seeds = [(config.seed + number) % _LARGEST_SEED for number in range(1, count)]
    return [_repetition(folder, f"seed {seed}", {"seed": seed}) for seed in seeds]


def over_strategies(folder: training.RunFolder, names: Sequence[str]) -> list[Repetition]:
    """The trainings under strategies, each of two devices or workers where it takes several."""
    own = _settings(folder)
    alone = {**dict.fromkeys(training.strategy_options(own)), "engine": "auto"}
    made = {
        "one": ("one", {**alone, "engine": own.engine}, 1),
        "mirrored": ("mirrored on 2 devices", {**alone, "devices": 2}, 1),
        "multiworker": ("multiworker of 2", alone, 2),
    }
    return [
        _repetition(folder, case, {**changes, "strategy": name}, workers)
        for name, (case, changes, workers) in made.items()
        if name in names
    ]


def train(repetitions: Sequence[Repetition]) -> None:
    """Does those trainings that are not there yet, one after another.

    Raises:
        TrainingFailed: One ended without a model.
        KeyboardInterrupt: After Ctrl-C; what was being trained goes on next time.
    """
    left = [one for one in repetitions if not is_finished(one)]
    for number, one in enumerate(left, 1):
        _tell(f"training {number} of {len(left)}: {one.case}, into {one.folder.path}")
        status = _run(one)
        if status or not is_finished(one):
            raise TrainingFailed(
                f"the training with {one.case} ended with exit status {status} and without a "
                f"model; what it said is above, what it left is in {one.folder.path}"
            )


def _settings(folder: training.RunFolder) -> training.TrainConfig:
    if training.FINETUNED in folder.read_config():
        raise EvaluationError(
            [
                f"--seeds and --strategies: {folder.path} was fine-tuned, and only what "
                "`tftrain train` made is trained again; expected such a run"
            ]
        )
    return training.resolve(folder.read_config(), {})


def _repetition(
    folder: training.RunFolder, case: str, changes: dict[str, Any], workers: int = 1
) -> Repetition:
    name = case.replace(" ", "-")
    config = training.resolve(folder.read_config(), changes)
    return Repetition(case, training.RunFolder(folder.path / FOLDER / name), config, workers)


def is_finished(one: Repetition) -> bool:
    """Whether the training is there, with these very settings."""
    return _is_same(one) and _status(one) == "finished" and one.folder.model.is_file()


def _is_same(one: Repetition) -> bool:
    """Whether what is in the folder has these settings."""
    if not one.folder.config.is_file():
        return False
    try:
        found = _settings(one.folder)
    except (RunFolderError, ValueError):
        return False
    if one.config.engine == "auto":  # what is recorded is the engine that was chosen
        found = dataclasses.replace(found, engine="auto")
    return found == one.config


def _status(one: Repetition) -> str:
    return one.folder.read_result()["status"]


def _run(one: Repetition) -> int:
    with tempfile.TemporaryDirectory(prefix="tftrain-stability-") as scratch:
        settings = Path(scratch) / "config.json"
        settings.write_text(json.dumps(dataclasses.asdict(one.config)))
        command = [*PYTHON, "-m", "tftrain", "train", *flags(one, settings)]
        if one.workers == 1:
            return _alone(command)
        return _ended(launcher.launch(command, one.workers, output=sys.stderr))


def flags(one: Repetition, settings: Path) -> list[str]:
    """Of `tftrain train`, to begin the training or to go on with it."""
    out = f"--out={one.folder.path}"
    if _is_same(one) and one.folder.checkpoints.is_dir():
        return ["--resume", out, *_SPARED]
    replaced = ["--overwrite"] if one.folder.config.is_file() else []
    return [f"--config={settings}", out, *_SPARED, *replaced]


def _alone(command: Sequence[str]) -> int:
    # In a session of its own: a signal reaches it once, from here, whoever else gets it too.
    environ = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    with (
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env={**environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as process,
        _passing_on(process) as passed,
    ):
        status = process.wait()
    return _ended(128 + passed[0] if passed else status)


@contextlib.contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Gives the list of signals that came and were passed on."""
    passed: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        passed.append(number)
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield passed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(status: int) -> int:
    """The exit status of a training, unless a signal to this process has ended it."""
    if status == 128 + signal.SIGINT:
        _tell("interrupted: the same command goes on from here")
        raise KeyboardInterrupt
    if status in (128 + signal.SIGTERM, 128 + signal.SIGHUP):
        raise SystemExit(status)
    return status


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
