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
from collections.abc import Callable, Sequence
from typing import Any

from tftrain.distribute import clusters, roles, runtime
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
            order; `one` device; `mirrored` over the devices of this machine; `pipeline`, which
            gives each of them some of the layers; `multiworker` over the workers of a cluster;
            `ps` with parameter servers; `tpu`.
        devices: How many devices `mirrored` uses: GPUs, or logical CPU devices where there is
            no GPU (for trying out; they share the cores).
        sync_every: Local SGD under `multiworker`: workers average their parameters every so
            many steps instead of their gradients at every step.
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
        ClusterError: The description of the cluster is wrong.
        StrategyError: It cannot be made here, or not any more.
        PeerUnreachable: A worker did not answer in time.
    """
    asked = {
        "devices": devices,
        "sync_every": sync_every,
        "stages": stages,
        "micro_batches": micro_batches,
        "cut": tuple(cut) if isinstance(cut, list) else cut,
        "schedule": schedule,
    }
    check_options(name, **asked)
    key = (name, *asked.values())
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
    made = _MAKERS[chosen](cluster, options)
    where = f", {cluster.name} of {_size(cluster)} by {source}" if cluster else ""
    count = made.num_replicas_in_sync
    replicas = f"{count} replica" + "s" * (count > 1)
    notice(f"strategy {chosen} ({reason}){where}, {replicas}")
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


def _one(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    # The default strategy, not OneDeviceStrategy: Keras then runs as it does on its own.
    return tf.distribute.get_strategy()


def _mirrored(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    gpus = tf.config.list_physical_devices("GPU")
    count = options["devices"]
    if count is None:
        return tf.distribute.MirroredStrategy()
    if gpus and count > len(gpus):
        raise StrategyError(f"devices={count}, but {len(gpus)} GPUs are visible: ask for fewer")
    names = [f"GPU:{i}" for i in range(count)] if gpus else runtime.use_logical_cpus(count)
    return tf.distribute.MirroredStrategy(names)


def _pipeline(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    from tftrain.distribute.pipeline import options as pipeline_options

    names = ("stages", "cut", "micro_batches", "schedule")
    return pipeline_options.strategy(**{name: options[name] for name in names})


def _multiworker(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    from tftrain.distribute import multiworker
    from tftrain.distribute.keras_bridge import lost_peer

    roles.take_part_in(_required(cluster, "multiworker"))
    lost_peer.expect(cluster)
    times = {key: options[key] for key in ("start_timeout", "peer_timeout")}
    made = multiworker.strategy(cluster, **times)
    if options["sync_every"] is None:
        return made
    from tftrain.distribute import local_sgd

    return local_sgd.strategy(made, sync_every=options["sync_every"])


def _ps(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    from tftrain.distribute import parameter_server

    roles.take_part_in(_required(cluster, "ps"))
    return parameter_server.strategy(cluster)


def _tpu(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    from tftrain.distribute import tpu

    return tpu.strategy()


def _required(cluster: Cluster | None, name: str) -> Cluster:
    if cluster is None:
        raise StrategyError(
            f"strategy {name!r} needs a cluster, and there is none: TF_CONFIG is unset, and the "
            "process was started neither by srun nor in an indexed Kubernetes Job; start it with "
            "tftrain launch --workers=N -- python script.py"
        )
    return cluster


_MAKERS: dict[str, Callable[[Cluster | None, dict[str, Any]], Any]] = {
    "one": _one,
    "mirrored": _mirrored,
    "pipeline": _pipeline,
    "multiworker": _multiworker,
    "ps": _ps,
    "tpu": _tpu,
}
