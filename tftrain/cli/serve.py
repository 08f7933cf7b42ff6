"""tftrain serve BASE [BASE ...]: try exports locally, over TF Serving's REST and gRPC protocols.

BASE is a folder of numbered versions, or a run, whose exports are served under the run's name. The
newest version answers; one that appears later takes over without a request lost. Requests that
arrive together are run together (--nobatching turns that off). Ctrl-C finishes what is in flight.

Production uses the official server, for which every export has its files.

Examples:
  tftrain serve runs/digits-mlp-1
  tftrain serve exports/digits exports/prices --port=0 --grpc_port=0
  tftrain serve exports/digits --name=digits --max_batch_size=64 --batch_timeout_micros=2000
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence

from absl import flags

from tftrain.refusals import refusals
from tftrain.serve import Limits, bases

_NEEDED = ("aiohttp", "grpc", "prometheus_client", "orjson")
_PORTS = {"lower_bound": 0, "upper_bound": 65535}


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_integer("port", 8501, "for REST; 0: a free one", flag_values=values, **_PORTS)
    flags.DEFINE_integer("grpc_port", 8500, "for gRPC; 0: a free one", flag_values=values, **_PORTS)
    flags.DEFINE_string("host", "127.0.0.1", "address to listen at", flag_values=values)
    flags.DEFINE_string("name", None, "of the model, with one BASE", flag_values=values)
    _define_batching(values)
    _define_limits(values)
    flags.DEFINE_float(
        "poll_seconds", 1.0, "from one look for new versions to the next", lower_bound=0.01,
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_float(
        "grace_seconds", 30.0, "that requests in flight have at the end", lower_bound=0,
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_bool(
        "any_base", False, "let ReloadConfigRequests name other folders", flag_values=values
    )


def _define_batching(values: flags.FlagValues) -> None:
    flags.DEFINE_bool("batching", True, "run requests together that wait", flag_values=values)
    flags.DEFINE_integer(
        "max_batch_size", None, "rows of a batch (default: BASE/batching.config, or 32)",
        lower_bound=1, flag_values=values,
    )  # fmt: skip
    flags.DEFINE_integer(
        "batch_timeout_micros", None,
        "that a request waits for others while a thread is idle (default: BASE/batching.config, "
        "or as long as others are likely to come)",
        lower_bound=0, flag_values=values,
    )  # fmt: skip
    flags.DEFINE_integer(
        "threads", None, "runs of models at a time (default: one a core)", lower_bound=1,
        flag_values=values,
    )  # fmt: skip


def _define_limits(values: flags.FlagValues) -> None:
    limits = Limits()
    flags.DEFINE_integer(
        "max_body_mib", limits.body_bytes >> 20, "of a request", lower_bound=1, upper_bound=2047,
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_integer(
        "max_concurrent", limits.concurrent, "requests at a time", lower_bound=1,
        flag_values=values,
    )  # fmt: skip


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        yield f"{', '.join(missing)} missing: pip install 'tftrain[serving]'"
    elif not positional:
        yield "BASE is missing: a folder of versions, or a run"
    else:
        yield from refusals(bases.by_name, positional, values["name"].value)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Serves until it is told to end."""
    from tftrain.cli import serving

    return serving.serve(values, bases.by_name(positional, values["name"].value))
