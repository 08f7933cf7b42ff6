"""Target: dynamic batching gives at least 3 times the requests a second at 32 clients, for models a
call of which costs something; the server's memory does not grow. Results: docs/design/serving.md.

    pip install 'tftrain[serving]'
    python benchmarks/serving.py                   # about fifteen minutes on two cores
    python benchmarks/serving.py --only=lstm
    python benchmarks/serving.py --minutes=10      # memory under load instead
    python benchmarks/serving.py --quick           # its figures mean nothing

Servers: `tftrain serve --nobatching` (single), `tftrain serve` (batched), each over REST and gRPC;
and Keras's `predict` behind the same HTTP library (serve_programs/keras_server.py). All run during
the whole benchmark, idle but for the one that is asked; they take turns in alternating order. The
load comes from a process of its own, which needs part of the same cores: on two of them figures at
32 clients are those of about one core.

Networks, by what a run of one row costs: `mlp` next to nothing; `cnn` arithmetic, which rows cannot
share; `wide` (four layers of 2048) the reading of its 58 MB of weights, which rows share; `lstm`
(two layers, 28 steps) the start of many small operations, which rows share too.

A request has 1 or 32 rows. Batching joins what waits, so it can do nothing for a single client.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import comparison
import numpy as np
import psutil
import surroundings
from absl import app, flags
from serve_programs import networks, servers

PACKAGES = ("tensorflow", "keras", "aiohttp", "grpcio", "numpy")
PROGRAMS = ("keras rest", "single rest", "batched rest", "single grpc", "batched grpc")
LOADS = {"1 client, 1 row": (1, 1), "32 clients, 1 row": (32, 1), "1 client, 32 rows": (1, 32)}
MANY = "32 clients, 1 row"
TARGET = 3.0
UNIT = "requests_a_second"
MIB = 2**20

ONLY = flags.DEFINE_multi_enum("only", [*networks.NETWORKS], [*networks.NETWORKS], "networks")
ROUNDS = flags.DEFINE_integer("rounds", 3, "turns of each program", lower_bound=1)
SECONDS = flags.DEFINE_float("seconds", 3.0, "of a turn", lower_bound=0.1)
MINUTES = flags.DEFINE_float("minutes", None, "memory under load, for so long", lower_bound=0.01)
QUICK = flags.DEFINE_bool("quick", False, "one short round of one network: does it run?")


def ask(
    server: servers.Server, protocol: str, network: str, body: Path, clients: int, seconds: float
) -> dict[str, Any]:
    """The report of a load."""
    done = subprocess.run(
        [
            sys.executable, servers.FOLDER / "load.py", f"--protocol={protocol}",
            f"--address={server.addresses[protocol]}", f"--path=/v1/models/{network}:predict",
            f"--body={body}", f"--clients={clients}", f"--seconds={seconds}",
        ],
        capture_output=True, text=True, timeout=60 + 3 * seconds,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{network}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def measure(
    running: dict[str, servers.Server], chosen: list[str], folder: Path
) -> dict[str, dict[str, dict[str, float]]]:
    """Medians over the rounds, by case and program."""
    rounds, seconds = (1, 1.0) if QUICK.value else (ROUNDS.value, SECONDS.value)
    bodies = {
        (name, rows): networks.write_request(name, rows, folder)
        for name in chosen
        for rows in (1, 32)
    }

    def run(program: str, case: str) -> dict[str, float]:
        server, protocol = program.split()
        network, _, load = case.partition(": ")
        clients, rows = LOADS[load]
        body = bodies[network, rows][protocol]
        return ask(running[server], protocol, network, body, clients, seconds)

    loads = list(LOADS)[:2] if QUICK.value else LOADS
    cases = [f"{name}: {load}" for name in chosen for load in loads]
    reports = comparison.measure(run, cases, PROGRAMS, rounds=rounds, unit=UNIT)
    return {
        case: {
            program: {
                **comparison.spread(UNIT, (report[UNIT] for report in taken)),
                **{
                    name: float(np.median([report[name] for report in taken]))
                    for name in ("p50", "p95", "p99")
                },
            }
            for program, taken in programs.items()
        }
        for case, programs in reports.items()
    }


def show(results: dict[str, dict[str, dict[str, float]]]) -> None:
    print("| load | server | requests/s (least-most) | p50, ms | p95 | p99 |")
    print("|---|---|---|---|---|---|")
    for case, programs in results.items():
        for program, of in programs.items():
            spread = f"{of['least']:,.0f}-{of['most']:,.0f}"
            times = f"{of['p50']:.1f} | {of['p95']:.1f} | {of['p99']:.1f}"
            print(f"| {case} | {program} | {of[UNIT]:,.0f} ({spread}) | {times} |")


def gains(results: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """How many times the requests at 32 clients, by network and protocol."""
    found: dict[str, dict[str, float]] = {}
    for case, programs in results.items():
        network, _, load = case.partition(": ")
        if load == MANY:
            found[network] = {
                f"batched over {other}": programs[f"batched {protocol}"][UNIT]
                / programs[f"{other} {with_protocol}"][UNIT]
                for other, protocol, with_protocol in (
                    ("single", "rest", "rest"), ("keras", "rest", "rest"),
                )
            } | {
                "batched over single, grpc": programs["batched grpc"][UNIT]
                / programs["single grpc"][UNIT]
            }  # fmt: skip
    return found


def memory(server: servers.Server, chosen: list[str], folder: Path) -> dict[str, float]:
    """The server's resident memory under load of both protocols, and its slope."""
    process, seconds = psutil.Process(server.process.pid), 60 * MINUTES.value
    rows: list[tuple[float, float]] = []
    with contextlib.ExitStack() as loads:
        for name in chosen:
            for protocol, body in networks.write_request(name, 1, folder).items():
                loads.enter_context(_loading(server, protocol, name, body, seconds))
        started = time.monotonic()
        while (now := time.monotonic() - started) < seconds:
            rows.append((now, process.memory_info().rss / MIB))
            time.sleep(min(1.0, seconds / 20))
    settled = np.array(rows[len(rows) // 5 :])  # pools and caches fill at first
    slope = float(np.polyfit(settled[:, 0] / 60, settled[:, 1], 1)[0])
    return {
        "mib_at_first": settled[0, 1], "mib_at_last": settled[-1, 1],
        "mib_a_minute": slope, "minutes": seconds / 60,
    }  # fmt: skip


@contextlib.contextmanager
def _loading(
    server: servers.Server, protocol: str, network: str, body: Path, seconds: float
) -> Any:
    process = subprocess.Popen(
        [
            sys.executable, servers.FOLDER / "load.py", f"--protocol={protocol}",
            f"--address={server.addresses[protocol]}", f"--path=/v1/models/{network}:predict",
            f"--body={body}", "--clients=8", f"--seconds={seconds}",
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield
        report, _ = process.communicate(timeout=60)
        print(f"{network}, {protocol}: {json.loads(report)['requests']:,} requests")
    finally:
        process.kill()
        process.communicate()


def main(_: list[str]) -> None:
    chosen = ["mlp"] if QUICK.value else ONLY.value
    document: dict[str, Any] = {"benchmark": "serving", "quick": QUICK.value}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        written = [networks.write(name, folder) for name in chosen]
        bases, files = zip(*written, strict=True)
        names = ["batched"] if MINUTES.value else ["single", "batched", "keras"]
        with servers.running(names, bases, files) as running:
            if MINUTES.value:
                document["memory"] = memory(running["batched"], chosen, folder)
                print(
                    ", ".join(f"{name} {value:.2f}" for name, value in document["memory"].items())
                )
            else:
                document["results"] = measure(running, chosen, folder)
                document["gains"] = gains(document["results"])
                show(document["results"])
                print(f"\nat 32 clients (target: {TARGET:g} times, where a call costs something)")
                for network, of in document["gains"].items():
                    print(f"{network}: " + ", ".join(f"{k} {v:.1f}" for k, v in of.items()))
    document |= {"target": TARGET, **surroundings.describe(PACKAGES)}
    print(json.dumps(document))


if __name__ == "__main__":
    app.run(main)
