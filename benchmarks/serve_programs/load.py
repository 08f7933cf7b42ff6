"""Asks a server the same thing again and again, over so many connections, and times the answers.

    python load.py --protocol=rest --address=127.0.0.1:8501 --path=/v1/models/mlp:predict \
        --body=request.json --clients=32 --seconds=3

A connection asks, waits for the answer and asks again. Prints a line of JSON. It imports neither
TensorFlow nor an HTTP library: what it costs itself is taken from the server's cores.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from absl import app, flags

METHOD = "/tensorflow.serving.PredictionService/Predict"

PROTOCOL = flags.DEFINE_enum("protocol", "rest", ["rest", "grpc"], "what the server speaks")
ADDRESS = flags.DEFINE_string("address", None, "host:port", required=True)
PATH = flags.DEFINE_string("path", None, "of the URL, for rest")
BODY = flags.DEFINE_string("body", None, "file that holds the request", required=True)
CLIENTS = flags.DEFINE_integer("clients", 1, "connections", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 3.0, "that are measured")
WARM_UP = flags.DEFINE_float("warm_up", 0.5, "seconds before that")

Ask = Callable[[], Awaitable[None]]
Client = Callable[[bytes, "Clock"], Awaitable[None]]


class Clock:
    """When to measure and when to stop, and what was measured."""

    def __init__(self) -> None:
        self.begin = time.perf_counter() + WARM_UP.value
        self.end = self.begin + SECONDS.value
        self.latencies: list[float] = []

    async def measure(self, ask: Ask) -> None:
        while True:
            started = time.perf_counter()
            if started >= self.end:
                return
            await ask()
            ended = time.perf_counter()
            if self.begin <= ended <= self.end:
                self.latencies.append(ended - started)


async def rest_client(body: bytes, clock: Clock) -> None:
    host, port = ADDRESS.value.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {PATH.value} HTTP/1.1\r\nHost: {ADDRESS.value}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body

    async def ask() -> None:
        writer.write(request)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
        content = await reader.readexactly(int(length))
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise SystemExit(f"refused: {content.decode()}")

    await clock.measure(ask)
    writer.close()
    await writer.wait_closed()


async def grpc_client(body: bytes, clock: Clock) -> None:
    import grpc

    options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
    async with grpc.aio.insecure_channel(ADDRESS.value, options=options) as channel:
        call = channel.unary_unary(METHOD)  # bytes in, bytes out

        async def ask() -> None:
            await call(body)

        await clock.measure(ask)


async def load() -> list[float]:
    body, clock = Path(BODY.value).read_bytes(), Clock()
    client: Client = {"rest": rest_client, "grpc": grpc_client}[PROTOCOL.value]
    await asyncio.gather(*(client(body, clock) for _ in range(CLIENTS.value)))
    return clock.latencies


def main(_: list[str]) -> None:
    latencies = sorted(asyncio.run(load()))
    if not latencies:
        raise SystemExit("not one request was answered in time: give it more --seconds")

    def percentile(share: float) -> float:
        return 1e3 * latencies[min(len(latencies) - 1, int(share * len(latencies)))]

    report = {
        "requests_a_second": len(latencies) / SECONDS.value,
        "requests": len(latencies),
        "p50": percentile(0.50),
        "p95": percentile(0.95),
        "p99": percentile(0.99),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    app.run(main)
