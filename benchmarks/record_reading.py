"""Target: reading a record set with its checks takes less than 10% longer than TensorFlow's plain
TFRecordDataset takes over the same files, with the same parsing. Results:
docs/how-to/keep-training-data.md.

    python benchmarks/record_reading.py            # about six minutes on two cores
    python benchmarks/record_reading.py --quick    # half a minute; its figures mean nothing

For each compression a set of random pictures is written; half of each picture is black, so that it
compresses about as pictures do. Then the programs read it in alternating order, in one process,
from the page cache: the disk is not what is compared. They give the same batches of 256.

    plain     TFRecordDataset(files).batch.map(parse_example, decode_raw).prefetch
    chunks    RecordSplit.decoded(): what `records.read` and `RecordSplit.examples` use
    records   RecordSplit.dataset().batch.map(decode): record by record, as a shuffle needs it

Time is compared on the clock, and as work of all cores together, which other programs of the
machine disturb less. Payload is what the files unpack to. `verify` reads each file twice, once for
its SHA-256 and once for its records; its figure is the files' bytes once, by its time.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import surroundings
from absl import app, flags

from tftrain.data import Examples, Info, records
from tftrain.data.examples import RawDataset
from tftrain.data.records import RecordSet
from tftrain.data.records.shards import COMPRESSIONS
from tftrain.keras_api import tf

PROGRAMS = ("plain", "chunks", "records")
PACKAGES = ("tensorflow", "numpy")
TARGET_OVERHEAD = 0.10
BATCH = 256

SIDE = flags.DEFINE_integer("side", 32, "pictures are side x side x 3", lower_bound=1)
EXAMPLES = flags.DEFINE_integer("examples", 160_000, "in the set", lower_bound=100)
SHARDS = flags.DEFINE_integer("shards", 8, "files", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 7, "readings by each program", lower_bound=1)
ONLY = flags.DEFINE_multi_enum("only", [*COMPRESSIONS], [*COMPRESSIONS], "compressions to measure")
QUICK = flags.DEFINE_bool("quick", False, "one round, 2,000 examples: does it run?")


def make_source() -> RawDataset:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (EXAMPLES.value, SIDE.value, SIDE.value, 3), dtype=np.uint8)
    x[:, : SIDE.value // 2] = 0
    train = Examples(x, np.arange(len(x)) % 10)
    labels = tuple(str(label) for label in range(10))
    info = Info("random", 10, labels, x.shape[1:], 255.0, "drawn by the benchmark", "none")
    return RawDataset(train, train.take(np.arange(10)), info)


def plain(opened: RecordSet) -> Any:
    """What a user would write who has the files and no tftrain."""
    split, shape = opened.splits["train"], opened.info.shape
    spec = {"x": tf.io.FixedLenFeature([], tf.string), "y": tf.io.FixedLenFeature([], tf.int64)}

    def parse(serialized: Any) -> tuple[Any, Any]:
        found = tf.io.parse_example(serialized, spec)
        return tf.reshape(tf.io.decode_raw(found["x"], tf.uint8), (-1, *shape)), found["y"]

    files = [str(path) for path in split.paths]
    dataset = tf.data.TFRecordDataset(files, COMPRESSIONS[opened.manifest.compression])
    return dataset.batch(BATCH).map(parse, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def chunks(opened: RecordSet) -> Any:
    return opened.splits["train"].decoded().rebatch(BATCH).prefetch(tf.data.AUTOTUNE)


def one_by_one(opened: RecordSet) -> Any:
    split = opened.splits["train"]
    decoded = split.dataset().batch(BATCH).map(split.decode, tf.data.AUTOTUNE)
    return decoded.prefetch(tf.data.AUTOTUNE)


def pass_over(dataset: Any) -> tuple[float, float]:
    """Seconds of a whole pass: on the clock, and of all cores together.

    Raises:
        RuntimeError: The pass did not hold every example.
    """
    started, worked, examples = time.perf_counter(), time.process_time(), 0
    for _, y in dataset:
        examples += len(y)
    if examples != EXAMPLES.value:
        raise RuntimeError(f"read {examples} examples of {EXAMPLES.value}")
    return time.perf_counter() - started, time.process_time() - worked


def verified(opened: RecordSet) -> tuple[float, float]:
    worked = time.process_time()
    return records.verify(opened.path).seconds, time.process_time() - worked


def measure(opened: RecordSet) -> dict[str, list[tuple[float, float]]]:
    make: dict[str, Callable[[RecordSet], Any]]
    make = dict(zip(PROGRAMS, (plain, chunks, one_by_one), strict=True))
    datasets = {program: make[program](opened) for program in PROGRAMS}
    for dataset in datasets.values():  # fills the page cache, traces
        pass_over(dataset)
    times: dict[str, list[tuple[float, float]]] = {program: [] for program in (*PROGRAMS, "verify")}
    for number in range(ROUNDS.value):
        turn = number % len(PROGRAMS)
        for program in PROGRAMS[turn:] + PROGRAMS[:turn]:
            times[program].append(pass_over(datasets[program]))
        times["verify"].append(verified(opened))
    return times


def summary(opened: RecordSet, times: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Speeds, and each program's time beside plain's of the same round."""
    shards = opened.splits["train"].shards
    payload, size = (sum(getattr(s, name) for s in shards) for name in ("stream_bytes", "bytes"))
    result: dict[str, Any] = {"file_bytes": size, "payload_bytes": payload}
    clock = {program: [one for one, _ in of] for program, of in times.items()}
    worked = {program: [one for _, one in of] for program, of in times.items()}
    for program, of in clock.items():
        middle = statistics.median(of)
        result[program] = {
            "examples_per_second": EXAMPLES.value / middle,
            "payload_gb_per_second": payload / middle / 1e9,
            "file_gb_per_second": size / middle / 1e9,
            "seconds": [min(of), middle, max(of)],
        }
        for name, measured in (("time", clock), ("work", worked)):
            pairs = zip(measured[program], measured["plain"], strict=True)
            result[program][f"{name}_beside_plain"] = statistics.median(a / b for a, b in pairs)
    return result


def table(results: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| compression | MB on disk | program | examples/s | payload GB/s | file GB/s "
        "| seconds: least, median, most | time / plain's | CPU / plain's |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for compression, result in results.items():
        for program in (*PROGRAMS, "verify"):
            of = result[program]
            least, middle, most = of["seconds"]
            lines.append(
                f"| {compression} | {result['file_bytes'] / 1e6:.1f} | {program} "
                f"| {of['examples_per_second']:,.0f} | {of['payload_gb_per_second']:.2f} "
                f"| {of['file_gb_per_second']:.2f} | {least:.3f}, {middle:.3f}, {most:.3f} "
                f"| {of['time_beside_plain']:.2f} | {of['work_beside_plain']:.2f} |"
            )
    return "\n".join(lines)


def main(_: list[str]) -> None:
    if QUICK.value:
        flags.FLAGS.rounds, flags.FLAGS.examples = 1, 2000
    source, results = make_source(), {}
    with tempfile.TemporaryDirectory() as folder:
        for compression in ONLY.value:
            started = time.perf_counter()
            path = Path(folder, compression)
            opened = records.write(source, path, shards=SHARDS.value, compression=compression)
            took = time.perf_counter() - started
            print(f"{compression}: written in {took:.1f} s", file=sys.stderr)
            results[compression] = summary(opened, measure(opened))
            results[compression]["write_seconds"] = took
    print(table(results))
    print(f"\ntarget: `chunks` takes at most {1 + TARGET_OVERHEAD:.2f} times as long as plain")
    document = {
        "benchmark": "record_reading",
        "side": SIDE.value,
        "examples": EXAMPLES.value,
        "shards": SHARDS.value,
        "rounds": ROUNDS.value,
        "quick": QUICK.value,
        "results": results,
        "target_overhead": TARGET_OVERHEAD,
        **surroundings.describe(PACKAGES),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    app.run(main)
