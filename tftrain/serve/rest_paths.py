"""What a path of the REST API asks for."""

from __future__ import annotations

import re
import urllib.parse
from typing import NamedTuple

from tftrain.serve.json_text import invalid
from tftrain.serve.terms import Target

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(rf"{_MODEL}:(?P<method>classify|regress|predict)")
_LOOK = re.compile(rf"{_MODEL}(?:/(?P<method>metadata))?")
_PREFIX = re.compile("/v1/models", re.IGNORECASE)
_LARGEST = 2**63 - 1


class Call(NamedTuple):
    """A method of the API, and what it is for.

    Attributes:
        method: predict, classify, regress, status or metadata.
        target: Model and version.
    """

    method: str
    target: Target


def parse(verb: str, path: str) -> Call:
    """What a request line asks for.

    Args:
        verb: GET or POST.
        path: As it came, still quoted, without query.

    Raises:
        ServingError: Nothing that there is.

    Example:
        >>> parse("POST", "/v1/models/digits/versions/2:predict").target
        Target(name='digits', version=2, label=None, signature='')
        >>> parse("GET", "/v1/models/my%20model/metadata")[:1]
        ('metadata',)
    """
    path = _PREFIX.sub("/v1/models", path, count=1)
    if verb == "GET" and path == "/v1/models":
        raise invalid("Missing model name in request.")
    pattern = {"POST": _CALL, "GET": _LOOK}.get(verb)
    found = pattern.fullmatch(path) if pattern else None
    if not found:
        raise invalid(f"Malformed request: {verb} {path}")
    label = found["label"]
    target = Target(
        urllib.parse.unquote(found["name"]),
        _version(found["version"]),
        urllib.parse.unquote(label) if label else None,
    )
    return Call(found["method"] or "status", target)


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    if len(digits) > 40 or int(digits) > _LARGEST:
        raise invalid(f"Failed to convert version: {digits} to numeric.")
    return int(digits)
