"""The REST side of the server, as one of its fronts."""

from __future__ import annotations

from typing import Any

from tftrain.errors import BadInput
from tftrain.serve.core import Core
from tftrain.serve.server import bracketed


class RestFront:
    """Listens for HTTP and asks a core.

    Args:
        core: What answers.
        host: The address to listen at.
        port: 0 for a free one.

    Attributes:
        port: The one that is listened at, once started.
    """

    def __init__(self, core: Core, host: str, port: int) -> None:
        self._core, self._host, self.port = core, host, port
        self._server: Any = None

    async def start(self) -> None:
        """Begins to listen.

        Raises:
            BadInput: The port is in use, or the host is none of this machine's.
        """
        from tftrain.serve import rest

        try:
            self._server = await rest.start(self._core, self._host, self.port)
        except OSError as error:
            raise BadInput(
                f"cannot listen at {bracketed(self._host)}:{self.port} for REST: {error.strerror}"
            ) from error
        self.port = self._server.port

    async def close(self, grace_seconds: float) -> None:
        """Takes no new requests, and answers those in flight."""
        if self._server is not None:
            await self._server.close()
