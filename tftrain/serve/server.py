"""A core behind its protocols, from the first model loaded to the end of the last request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import ABC, abstractmethod

from tftrain.errors import BadInput
from tftrain.serve.core import Core


class Front(ABC):
    """What listens at a port for one protocol and asks a core.

    Args:
        core: What answers.
        host: The address to listen at.
        port: 0 for a free one.

    Attributes:
        port: The one that is listened at, once started.
    """

    def __init__(self, core: Core, host: str, port: int) -> None:
        self._core, self._host, self.port = core, host, port

    @abstractmethod
    async def start(self) -> None:
        """Begins to listen; `port` is now the real one.

        Raises:
            BadInput: The port is in use, or the host is none of this machine's.
        """

    @abstractmethod
    async def close(self, grace_seconds: float) -> None:
        """Takes nothing new, and returns when what is in flight is done, or after so long."""


class Server:
    """A core and its fronts.

    Args:
        core: What answers.
        fronts: Who asks it.
    """

    def __init__(self, core: Core, *fronts: Front) -> None:
        self._core, self._fronts = core, fronts

    async def start(self) -> None:
        """Loads the models, then listens.

        Raises:
            BadInput: A port cannot be listened at.
        """
        await self._core.start()
        for front in self._fronts:
            await front.start()

    async def close(self, grace_seconds: float) -> bool:
        """Takes no new requests, finishes those in flight, and frees the models.

        Args:
            grace_seconds: What they have for it.

        Returns:
            Whether all were finished in time.
        """
        try:
            await asyncio.wait_for(self._finish(grace_seconds), grace_seconds)
        except asyncio.TimeoutError:
            return False
        return True

    async def _finish(self, grace_seconds: float) -> None:
        # the fronts first: a request that is half read is in flight too
        await asyncio.gather(*(front.close(grace_seconds) for front in self._fronts))
        await self._core.close()


def check_free(host: str, port: int) -> None:
    """Refuses a port that is in use, before the models are loaded.

    Raises:
        BadInput: It is in use or not permitted, or the host is none of this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise BadInput(f"--host={host} is no address of this machine: {error}") from error
    family, kind, protocol, _, address = found[0]
    with contextlib.closing(socket.socket(family, kind, protocol)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            raise BadInput(
                f"cannot listen at {bracketed(host)}:{port}: {error.strerror}; another port, or 0 "
                "for a free one, may do"
            ) from error


def bracketed(host: str) -> str:
    """The host as it stands before a colon and a port."""
    return f"[{host}]" if ":" in host else host
