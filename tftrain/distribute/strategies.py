"""Strategies by name: the one line that makes a Keras 3 script run on more than one device.

    strategy = tftrain.distribute.strategy("auto")
    with strategy.scope():
        model = keras.Sequential([...])
        model.compile(...)
    model.fit(...)

Making a strategy also activates the repairs of Keras (`keras_bridge`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tftrain.distribute import clusters, makers, runtime
from tftrain.distribute.clusters import Cluster
from tftrain.distribute.strategy_options import OPTIONS, check_options
from tftrain.errors import ConfigError, StrategyError
from tftrain.keras_api import tf
from tftrain.notices import notice

START_TIMEOUT_VARIABLE = "TFTRAIN_START_TIMEOUT"

_made: dict[tuple[Any, ...], tuple[str, Any]] = {}  # the name of each, and the strategy


def strategy(
    name: str = "auto",
    *,
    devices: int | None = None,
    sync_every: int | None = None,
    mesh: Mapping[str, int] | str | None = None,
    layout: Any = None,
    memory_per_device: str | float | None = None,
    model: Any = None,
    batch_size: int | None = None,
    stages: int | None = None,
    micro_batches: int | None = None,
    cut: Sequence[str] | None = None,
    schedule: str | None = None,
    start_timeout: float | None = None,
    peer_timeout: float = 20.0,
) -> Any:
    """Makes a `tf.distribute.Strategy` by name, says in one line what it is, repairs Keras.

    Args:
        name: `auto` looks at TF_CONFIG, Slurm, the Kubernetes index, TPU and GPUs, in this
            order; `one` device; `mirrored` over the devices of this machine; `multiworker` over
            the workers of a cluster; `ps` with parameter servers; `tpu`; `model_parallel`, whose
            devices each hold a part of every layer; `pipeline`, whose devices each hold some of
            the layers.
        devices: How many devices `mirrored` uses: GPUs, or logical CPU devices where there is
            no GPU (for trying out; they share the cores).
        sync_every: Local SGD under `multiworker`: workers average their parameters every so
            many steps instead of their gradients at every step.
        mesh: Of `model_parallel`: sizes of its axes by name, `{"batch": 2, "model": 2}` or
            `"batch=2,model=2"`. The batch is cut over `batch`, variables as the layout says.
        layout: Of `model_parallel`: which axis each dimension of a variable is cut over, as a
            mapping from regular expressions on paths to axes, or one of `layouts`, or its name;
            `auto` if not given.
        memory_per_device: Of `auto`: as `2GiB`. The planner then chooses among one device, data
            parallelism, tensor parallelism (with data parallelism) and a pipeline what fits.
        model: With `memory_per_device`: a function without arguments that makes and compiles the
            model, which is called where variables take no memory, or a
            `tftrain.planning.ModelProfile`.
        batch_size: With `memory_per_device`: examples a step, of all devices together.
        stages: Into how many parts `pipeline` cuts a model; as many as GPUs are visible, or 2.
        micro_batches: Into how many parts `pipeline` cuts a batch; 4.
        cut: Names of the layers with which stages of `pipeline` begin, in place of `stages`.
        schedule: `1f1b` (as if left out) or `gpipe`: the order in which stages of `pipeline` work.
        start_timeout: Seconds to wait for the other workers at the start; 60, or what
            `TFTRAIN_START_TIMEOUT` says.
        peer_timeout: Seconds without a sign of life after which a worker is taken for dead.

    Returns:
        The strategy. Asked again for the same, the same object, as a process has one cluster. The
        one asked for last is the one that `fit` expects: after `one`, models made outside any
        scope are trained as Keras trains them.

    Raises:
        UnknownName: There is no such strategy.
        ConfigError: The arguments contradict one another.
        PlanError: The model does not fit the devices, however it is shared among them.
        ClusterError: The description of the cluster is wrong.
        StrategyError: It cannot be made here, or not any more.
        PeerUnreachable: A worker did not answer in time.
    """
    asked = {
        "devices": devices,
        "sync_every": sync_every,
        "mesh": mesh,
        "layout": layout,
        "memory_per_device": memory_per_device,
        "stages": stages,
        "micro_batches": micro_batches,
        "cut": cut,
        "schedule": schedule,
    }
    check_options(name, **asked)
    times = {"start_timeout": start_timeout, "peer_timeout": peer_timeout}
    if memory_per_device is not None:
        chosen = _planned(model, batch_size, memory_per_device, devices)
        notice(f"auto chooses {chosen.name} by memory_per_device: {chosen.why}")
        options = {"sync_every": sync_every} if chosen.name == "multiworker" else {}
        return strategy(chosen.name, **options, **chosen.options, **times)
    if model is not None or batch_size is not None:
        raise ConfigError(["model and batch_size mean something with memory_per_device alone"])
    key = (name, *map(_hashable, asked.values()))
    if key not in _made:
        options = {
            **asked,
            "start_timeout": _start_timeout(start_timeout),
            "peer_timeout": peer_timeout,
        }
        _made[key] = _make(name, options)
    chosen, made = _made[key]
    _expect_scope(chosen)
    return made


def _planned(model: Any, batch_size: int | None, memory: str | float, devices: int | None) -> Any:
    """What the planner chooses for this machine or cluster."""
    from tftrain.distribute import automatic

    automatic.check(model, batch_size)
    found = clusters.detect()
    runtime.load()
    gpus = len(tf.config.list_physical_devices("GPU"))
    workers = 1 + len(found[0].peers) if found else 1
    return automatic.choose(
        model,
        batch_size=batch_size,
        memory_per_device=memory,
        devices=devices or max(1, gpus),
        workers=workers,
    )


def _hashable(option: Any) -> Any:
    if isinstance(option, Mapping):
        return tuple((key, _hashable(value)) for key, value in option.items())
    return tuple(map(_hashable, option)) if isinstance(option, (list, tuple)) else option


def _expect_scope(chosen: str) -> None:
    from tftrain.distribute.keras_bridge import model_scope

    model_scope.expect_scope(chosen != "one")


def _start_timeout(given: float | None) -> float:
    if given is not None:
        return given
    text = os.environ.get(START_TIMEOUT_VARIABLE, "60")
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            [f"{START_TIMEOUT_VARIABLE} is {text!r}: expected seconds, e.g. 300"]
        ) from None


def _make(name: str, options: dict[str, Any]) -> tuple[str, Any]:
    from tftrain.distribute import keras_bridge

    found = clusters.detect() if name in ("auto", "multiworker", "ps") else None
    chosen, reason = _choose(found, options) if name == "auto" else (name, "as asked")
    check_options(chosen, **{key: options[key] for key in OPTIONS})
    cluster, source = found or (None, "")
    runtime.load()  # before anything imports keras.src past the guarded door
    keras_bridge.install()
    made = makers.MAKERS[chosen](cluster, options)
    where = f", {cluster.name} of {_size(cluster)} by {source}" if cluster else ""
    notice(f"strategy {chosen} ({reason}){where}, {makers.extent(made)}")
    return chosen, made


def _size(cluster: Cluster) -> str:
    return " + ".join(_counted(len(members), job) for job, members in cluster.jobs.items())


def _counted(members: int, job: str) -> str:
    return f"{members} {job}" + "s" * (job == "worker" and members > 1)


def _choose(found: tuple[Cluster, str] | None, options: dict[str, Any]) -> tuple[str, str]:
    """The name of the strategy that fits, and why."""
    if found and found[0].ps:
        return "ps", f"{found[1]} has parameter servers"
    if found and found[0].peers:
        return "multiworker", f"{found[1]} has {len(found[0].peers) + 1} workers"
    if options["sync_every"] is not None:
        raise StrategyError(
            f"sync_every={options['sync_every']} needs several workers, and there is no cluster: "
            "start with tftrain launch, srun, or TF_CONFIG"
        )
    if options["devices"] is not None:
        return "mirrored", f"devices={options['devices']}"
    return _choose_local()


def _choose_local() -> tuple[str, str]:
    from tftrain.distribute import tpu

    reason = tpu.visible()
    if reason:
        return "tpu", reason
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus > 1:
        return "mirrored", f"{gpus} GPUs are visible"
    return "one", "no cluster, no TPU, " + ("one GPU" if gpus else "no GPU")
