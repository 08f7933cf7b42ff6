"""The process of `tftrain serve`: its lines on the terminal, its signals, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from absl import flags

from tftrain.errors import ServingError
from tftrain.notices import notice
from tftrain.serve import Batching, Core, Limits, Target, example_request
from tftrain.serve.rest_front import RestFront
from tftrain.serve.server import Front, Server, bracketed, check_free

_LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(values: flags.FlagValues, bases: Mapping[str, Path]) -> int:
    """Serves until a signal comes.

    Returns:
        0.

    Raises:
        BadInput: A port is in use, or a base's files cannot be understood.
    """
    for port in (values["port"].value, values["grpc_port"].value):
        check_free(values["host"].value, port)
    return asyncio.run(_serve(values, bases))


async def _serve(values: flags.FlagValues, bases: Mapping[str, Path]) -> int:
    told_to_end = _signals()
    core = _core(values, bases)
    fronts = _fronts(core, values)
    server = Server(core, *fronts)
    starting = asyncio.ensure_future(server.start())
    ending = asyncio.ensure_future(told_to_end.wait())
    try:
        await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _show(core, fronts, values["host"].value)
            await ending
    finally:
        for task in (starting, ending):
            task.cancel()
        await asyncio.gather(starting, ending, return_exceptions=True)
        if not await server.close(values["grace_seconds"].value):
            notice(f"not all requests were finished in {values['grace_seconds'].value:g} s")
            _leave(0)  # their threads cannot be ended, and would be waited for
    return 0


def _signals() -> asyncio.Event:
    """What the first SIGTERM or SIGINT sets; the second ends the process at once."""
    told = asyncio.Event()

    def receive(number: int) -> None:
        if told.is_set():
            _leave(128 + number)
        told.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, receive, number)
    return told


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _core(values: flags.FlagValues, bases: Mapping[str, Path]) -> Core:
    from tftrain.serve.metrics import PrometheusMetrics

    batching = Batching(
        max_batch_size=values["max_batch_size"].value,
        timeout_micros=values["batch_timeout_micros"].value,
    )
    limits = Limits(
        body_bytes=values["max_body_mib"].value << 20, concurrent=values["max_concurrent"].value
    )
    return Core(
        bases,
        batching=batching if values["batching"].value else None,
        limits=limits,
        threads=values["threads"].value,
        poll_seconds=values["poll_seconds"].value,
        metrics=PrometheusMetrics(list(bases)),
        any_base=values["any_base"].value,
    )


def _fronts(core: Core, values: flags.FlagValues) -> list[Front]:
    from tftrain.serve.grpc_front import GrpcFront  # loads TensorFlow

    host = values["host"].value
    return [
        GrpcFront(core, host, values["grpc_port"].value),
        RestFront(core, host, values["port"].value),
    ]


def _show(core: Core, fronts: list[Front], host: str) -> None:
    """Where the server is, and how to ask it."""
    for front in fronts:
        if isinstance(front, RestFront):
            _show_rest(core, f"http://{bracketed(host)}:{front.port}")
        else:
            print(f"gRPC  {bracketed(host)}:{front.port}")
    if host not in _LOCAL:
        notice(f"listening at {host}, for whoever can reach it; production uses TF Serving itself")
    sys.stdout.flush()


def _show_rest(core: Core, url: str) -> None:
    print(f"page  {url}/")
    for name in core.names:
        print(f"REST  {url}/v1/models/{quote(name)}")
        _show_example(core, name, url)


def _show_example(core: Core, name: str, url: str) -> None:
    try:
        _, signature = core.signature(Target(name))
    except ServingError:  # no version yet, as was told, or no signature for this
        return
    print(f"try   {example_request.curl(url, name, signature)}")
