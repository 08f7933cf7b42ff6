"""What a compression says on the way."""

from __future__ import annotations

import sys


def notice(text: str) -> None:
    """Tells the person at the terminal; results go elsewhere."""
    print(f"tftrain: {text}", file=sys.stderr)
