"""Servers in processes of their own, begun together and ended together."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent


class Server:
    """A process, and the addresses at which it answers, by protocol."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.addresses: dict[str, str] = {}


def _tftrain(bases: Sequence[Path], *flags: str) -> Server:
    return Server(["-m", "tftrain", "serve", *map(str, bases), "--port=0", "--grpc_port=0", *flags])


def _read_tftrain(server: Server) -> None:
    for line in server.process.stdout:
        name, _, rest = line.strip().partition("  ")
        if name == "gRPC":
            server.addresses["grpc"] = rest
        elif name == "page":
            server.addresses["rest"] = rest.removeprefix("http://").rstrip("/")
        if len(server.addresses) == 2:
            return
    raise SystemExit("tftrain serve did not start")


def _read_keras(server: Server) -> None:
    port = server.process.stdout.readline().strip()
    if not port:
        raise SystemExit("the Keras server did not start")
    server.addresses["rest"] = f"127.0.0.1:{port}"


@contextlib.contextmanager
def running(
    names: Sequence[str], bases: Sequence[Path], models: Sequence[Path]
) -> Iterator[dict[str, Server]]:
    """Servers of the same models: tftrain's without and with batching, and Keras's."""
    starts = {
        "single": lambda: _tftrain(bases, "--nobatching"),
        "batched": lambda: _tftrain(bases),
        "keras": lambda: Server([str(FOLDER / "keras_server.py"), *map(str, models)]),
    }
    servers = {name: starts[name]() for name in names}
    try:
        for name, server in servers.items():
            (_read_keras if name == "keras" else _read_tftrain)(server)
        yield servers
    finally:
        for server in servers.values():
            server.process.terminate()
        for server in servers.values():
            server.process.communicate(timeout=60)
