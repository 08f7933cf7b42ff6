"""What the figures of a benchmark depend on besides the program: versions, hardware, load."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from typing import Any

from tftrain.training import environment


def describe(packages: Iterable[str]) -> dict[str, Any]:
    """The end of a benchmark's JSON line.

    Args:
        packages: Those whose versions matter.
    """
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "versions": {"python": platform.python_version(), **versions},
        "hardware": {
            "processor": environment.processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "load": os.getloadavg()[0],
        },
    }
