"""A command that is quick to start and stands for a training."""

import sys
from pathlib import Path

import pytest

TRAINER = Path(__file__).with_name("trainer.py")


def training(epochs=2, loss=0.0, end="well"):
    """What runs a trial whose settings say otherwise about some of these."""

    def command(trial):
        given = {"epochs": epochs, "loss": loss, "end": end, **trial.settings}
        words = (trial.folder, *(given[name] for name in ("epochs", "loss", "end")))
        return [sys.executable, "-I", "-S", str(TRAINER), *map(str, words)]

    return command


@pytest.fixture
def out(tmp_path):
    """Where a sweep goes."""
    return tmp_path / "sweep"
