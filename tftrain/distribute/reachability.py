"""Which tasks of a cluster answer: one TCP connection each, opened and closed at once.

The runtime reports a lost peer only when a call to it fails, and a host that vanished fails no
call for many minutes. Opening a connection tells the difference within a second.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor


def answers(address: str, seconds: float = 2.0) -> bool:
    """Whether something accepts a connection at `address` ("host:port") within `seconds`.

    Example:
        >>> with socket.create_server(("127.0.0.1", 0)) as server:
        ...     answers(f"127.0.0.1:{server.getsockname()[1]}")
        True
        >>> answers("127.0.0.1:1")
        False
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds):
            return True
    except OSError:
        return False


def silent(addresses: Iterable[str], seconds: float = 2.0) -> list[int]:
    """Returns the positions of the addresses where nothing answers, asked all at once.

    Example:
        >>> silent(["127.0.0.1:1"])
        [0]
    """
    addresses = list(addresses)
    if not addresses:
        return []
    with ThreadPoolExecutor(max_workers=min(len(addresses), 64)) as pool:
        found = list(pool.map(lambda address: answers(address, seconds), addresses))
    return [position for position, up in enumerate(found) if not up]
