"""What a run was made with: versions and machine, for config.json, reports and doctor."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "tftrain",
    "tensorflow",
    "keras",
    "tf-keras",
    "tensorflow-model-optimization",
    "tensorflow-datasets",
    "numpy",
    "scikit-learn",
    "matplotlib",
    "absl-py",
)


def version(package: str) -> str | None:
    """The installed version; None if the package is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe() -> dict[str, str]:
    """Versions of Python, the machine's kind, and every package results may depend on."""
    found = {package: version(package) for package in PACKAGES}
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **{package: found[package] or "missing" for package in PACKAGES},
    }


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
