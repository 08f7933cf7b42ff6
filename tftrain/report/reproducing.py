"""How a run is made again, and the commands that find out more about it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

from tftrain.report.sections import Section

_NO_PACKAGES = ("python", "machine", "job")  # everything else in an environment is one
_OF_CLUSTERS = ("multiworker", "ps")


def section(run: str, config: Mapping[str, Any], environment: Mapping[str, Any]) -> Section:
    """The commands to paste.

    Args:
        run: The run's folder as it is to be typed.
        config: Its settings.
        environment: Versions and machine.
    """
    folder = shlex.quote(run)
    again = [f"tftrain train --config={folder}/config.json --out=runs/again"]
    further = [
        f"tftrain evaluate {folder}",
        f"tftrain report {folder}",
        f"tftrain export {folder} --to=exports/{shlex.quote(_name(run))}",
    ]
    commands = [("The same training, with the same seed:", again)]
    commands.append(("Judge the model, write this page again, export the model:", further))
    if pins := _pins(environment):
        python = environment.get("python", "")
        commands.append((f"With the same versions, on Python {python}:", pins))
    notes = []
    if config.get("strategy") in _OF_CLUSTERS:
        notes.append(
            f"The strategy was {config['strategy']}: start the training in a cluster of the same "
            "size, as with tftrain launch --workers=N -- tftrain train ..."
        )
    return Section("reproduce", "How to reproduce it", commands=commands, notes=notes)


def missing(run: str, there: Collection[str]) -> Section | None:
    """What could be in the page, with the command that brings it; None if all is there.

    Args:
        run: The run's folder as it is to be typed.
        there: Identifiers of the sections that are there.
    """
    folder = shlex.quote(run)
    commands = {
        "curves": ("Learning curves", "tftrain train"),
        "gradients": ("Norms of the gradient", "tftrain train --gradient_norms"),
        "resources": ("Throughput and resources", "tftrain train"),
        "calibration": ("Calibration", f"tftrain evaluate {folder} --quality"),
        "speed": ("Speed", f"tftrain evaluate {folder} --speed"),
        "stability": ("Stability", f"tftrain evaluate {folder} --stability"),
        "compression": ("Compression", f"tftrain compress {folder} --prune=0.8 --quantize=int8"),
    }
    absent = [pair for name, pair in commands.items() if name not in there]
    if not absent:
        return None
    texts = ["These commands bring it; tftrain report then writes the page again."]
    return Section("missing", "Not in this page", texts=texts, missing=absent)


def _pins(environment: Mapping[str, Any]) -> list[str]:
    found = {name: each for name, each in environment.items() if name not in _NO_PACKAGES}
    versions = [f"{name}=={version}" for name, version in found.items() if _is_version(version)]
    lines = [f"    {shlex.quote(version)}" for version in versions]
    return " \\\n".join(["pip install", *lines]).split("\n") if versions else []


def _is_version(text: Any) -> bool:
    return isinstance(text, str) and text[:1].isdigit()


def _name(run: str) -> str:
    return run.rstrip("/").rpartition("/")[2] or "model"
