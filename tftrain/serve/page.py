"""The page at `/`: one file, of which a browser is told to run and show nothing else."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib import resources


@functools.cache
def html() -> bytes:
    """The page."""
    return resources.files("tftrain.serve").joinpath("page.html").read_bytes()


@functools.cache
def headers() -> dict[str, str]:
    """What keeps a browser to the page's own script, its own style and this server."""
    policy = (
        "default-src 'none'",
        f"script-src {_hash('script')}",
        f"style-src {_hash('style')}",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def _hash(element: str) -> str:
    """The only element of that name, by what it holds."""
    (content,) = re.findall(rb"<%b>(.*?)</%b>" % ((element.encode(),) * 2), html(), re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
