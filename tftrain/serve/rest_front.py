"""The REST side of the server, as one of its fronts."""

from __future__ import annotations

from typing import Any

from tftrain.errors import BadInput
from tftrain.serve.core import Core
from tftrain.serve.server import Front, bracketed


class RestFront(Front):
    """Listens for HTTP."""

    def __init__(self, core: Core, host: str, port: int) -> None:
        super().__init__(core, host, port)
        self._server: Any = None

    async def start(self) -> None:
        """Begins to listen."""
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
