"""What the person at the terminal is told on the way; results go elsewhere."""

from __future__ import annotations

import sys


def notice(text: str) -> None:
    """Tells it in a line on stderr."""
    print(f"tftrain: {text}", file=sys.stderr)
