"""Whether the server can answer."""

from __future__ import annotations

from typing import Any

from tftrain.errors import ServingError
from tftrain.serve.core import Core
from tftrain.serve.terms import Target


def readiness(core: Core) -> dict[str, Any]:
    """Which versions answer, by model, and whether every model has one.

    Returns:
        {"ready": bool, "models": {name: [version, ...]}}, the newest version first.
    """
    models = {name: _available(core, name) for name in core.names}
    return {"ready": all(models.values()), "models": models}


def _available(core: Core, name: str) -> list[int]:
    try:
        statuses = core.statuses(Target(name))
    except ServingError:
        return []
    return [status.version for status in statuses if status.state == "AVAILABLE"]
