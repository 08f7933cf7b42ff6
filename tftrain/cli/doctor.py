"""tftrain doctor: check versions, devices and known conflicts, and say how to mend them.

Exits with 1 if anything stands in the way of training.

Example:
  tftrain doctor
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from importlib import metadata

from absl import flags
from packaging.requirements import Requirement

from tftrain.errors import BackendError
from tftrain.keras_api import require_tensorflow_backend, tf
from tftrain.training import environment


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        state: `ok`, `note` (worth knowing) or `FAIL` (training will not work).
        subject: What was looked at.
        message: What was found, and the fix if one is needed.
    """

    state: str
    subject: str
    message: str


def define_flags(values: flags.FlagValues) -> None:
    """No flags of its own."""


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    if positional:
        yield f"unexpected argument {positional[0]!r}: doctor takes none"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Prints a line a finding."""
    findings = [*_packages(), *_extras(), *_variables(), *_devices()]
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print(f"{finding.state:5} {finding.subject:{width}}  {finding.message}")
    failed = sum(finding.state == "FAIL" for finding in findings)
    print(f"\n{failed} to mend" if failed else "\nready to train")
    return 1 if failed else 0


def _requirements(extra: str) -> list[Requirement]:
    """What tftrain's own metadata asks for: by itself if `extra` is empty, else by that extra."""
    parsed = [Requirement(text) for text in metadata.requires("tftrain") or ()]
    return [
        requirement
        for requirement in parsed
        if (requirement.marker is None and not extra)
        or (requirement.marker and requirement.marker.evaluate({"extra": extra}) and extra)
    ]


def _packages() -> Iterator[Finding]:
    for requirement in _requirements(""):
        found = environment.version(requirement.name)
        if found and requirement.specifier.contains(found, prereleases=True):
            yield Finding("ok", requirement.name, found)
        else:
            state = f"{found} is installed" if found else "is missing"
            yield Finding("FAIL", requirement.name, f"{state}: pip install '{requirement}'")


def _extras() -> Iterator[Finding]:
    for extra in ("serving", "sweep"):  # those that a command does not run without
        missing = [r.name for r in _requirements(extra) if environment.version(r.name) is None]
        if missing:
            yield Finding(
                "note",
                f"extra '{extra}'",
                f"{', '.join(missing)} missing: pip install 'tftrain[{extra}]' if you need it",
            )


def _variables() -> Iterator[Finding]:
    try:
        require_tensorflow_backend()
    except BackendError as error:
        yield Finding("FAIL", "Keras backend", str(error))
    else:
        yield Finding("ok", "Keras backend", "tensorflow")
    if os.environ.get("TF_USE_LEGACY_KERAS", "0").lower() in ("1", "true"):
        yield Finding(
            "note",
            "TF_USE_LEGACY_KERAS",
            "is set: tf.keras is Keras 2 in your scripts; unset it and use `import keras`",
        )
    if os.environ.get("TF_CONFIG"):
        yield Finding("note", "TF_CONFIG", "is set: TensorFlow believes it is part of a cluster")


def _devices() -> Iterator[Finding]:
    try:
        devices = tf.config.list_physical_devices()
    except Exception as error:  # whatever hinders TensorFlow's import is a finding, not a crash
        yield Finding("FAIL", "TensorFlow", f"cannot be used: {error}")
        return
    for device in devices:
        yield Finding("ok", "device", device.name.removeprefix("/physical_device:"))
    if not any(device.device_type in ("GPU", "TPU") for device in devices):
        yield Finding("note", "accelerators", "none visible: training runs on the CPU")
