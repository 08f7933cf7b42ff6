"""Signatures of manifests: HMAC-SHA256 (RFC 2104) with a key that lies in a file.

A checksum finds accidents. A signature finds intent: who does not hold the key cannot make one
that fits a changed manifest, and the manifest holds the SHA-256 of every shard.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import Any

from tftrain.errors import BadInput, DataError

_SHORTEST_KEY = 16
_NAME = "HMAC-SHA256"


def read_key(path: str | os.PathLike[str]) -> bytes:
    """The key: all bytes of the file, a last line break among them.

    Raises:
        BadInput: The file cannot be read, or is too short to be a secret.
    """
    try:
        key = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise BadInput(
            f"the key file {path} cannot be read: {error.strerror}; "
            f"`openssl rand -hex 32 > {path}` makes one"
        ) from error
    if len(key) < _SHORTEST_KEY:
        raise BadInput(
            f"the key file {path} holds {len(key)} bytes; expected {_SHORTEST_KEY} or more: "
            f"`openssl rand -hex 32 > {path}` makes one"
        )
    return key


def sign(content: bytes, key: bytes) -> dict[str, str]:
    """The signature of a manifest's canonical bytes, as its JSON holds it."""
    value = hmac.new(key, content, hashlib.sha256).hexdigest()
    return {"algorithm": _NAME, "key_id": _key_id(key), "value": value}


def check(content: bytes, signature: Any, key: bytes, where: str) -> None:
    """Raises DataError unless the signature was made over this content with this key."""
    if not signature:
        raise DataError(
            f"{where} is not signed, so the key has nothing to check: who could have changed it "
            "is unknown; write the set again with --sign, or check it without --key"
        )
    if not isinstance(signature, dict):
        raise DataError(f"{where} has a signature that is none: {signature!r}")
    if signature.get("algorithm") != _NAME:
        raise DataError(
            f"{where} is signed with {signature.get('algorithm')!r}; expected {_NAME!r}"
        )
    if signature.get("key_id") != _key_id(key):
        raise DataError(f"wrong key: {where} was signed with another one")
    if not hmac.compare_digest(str(signature.get("value")), sign(content, key)["value"]):
        raise DataError(
            f"{where} was changed after it was signed: do not use this set; "
            "fetch it again from where it was made"
        )


def _key_id(key: bytes) -> str:
    """Tells keys apart without telling the key."""
    return hmac.new(key, b"name of this key", hashlib.sha256).hexdigest()[:16]
