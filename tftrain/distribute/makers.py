"""How each strategy is made, once it is known which one and of what cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.distribute import clusters, roles, runtime
from tftrain.distribute.clusters import Cluster
from tftrain.distribute.tensor_parallel import mesh_shapes
from tftrain.errors import StrategyError
from tftrain.keras_api import tf


def extent(made: Any) -> str:
    """How far a strategy reaches, in words."""
    if hasattr(made, "extent"):
        return made.extent
    count = made.num_replicas_in_sync
    return f"{count} replica" + "s" * (count > 1)


def _one(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    # The default strategy, not OneDeviceStrategy: Keras then runs as it does on its own.
    return tf.distribute.get_strategy()


def _mirrored(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    count = options["devices"]
    if count is None:
        return tf.distribute.MirroredStrategy()
    names = runtime.take_devices(count, "mirrored", f"devices={count}")
    return tf.distribute.MirroredStrategy(names)


def _pipeline(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    from tftrain.distribute.pipeline import options as pipeline_options

    _require_alone("pipeline")
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


def _model_parallel(cluster: Cluster | None, options: dict[str, Any]) -> Any:
    from tftrain.distribute import layouts
    from tftrain.distribute.tensor_parallel import devices

    axes = mesh_shapes.parse(options["mesh"])
    layout = layouts.resolve(options["layout"] or "auto", axes)
    _require_alone("model_parallel")
    names = devices.of_mesh(axes)
    return devices.strategy(axes, names, layout)


def _require_alone(name: str) -> None:
    found = clusters.detect()
    if found is not None and found[0].peers:
        raise StrategyError(
            f"strategy {name!r} divides a model among the devices of one process, and {found[1]} "
            f"has {len(found[0].peers) + 1}: start it alone, or use the strategy 'multiworker'"
        )


def _required(cluster: Cluster | None, name: str) -> Cluster:
    if cluster is None:
        raise StrategyError(
            f"strategy {name!r} needs a cluster, and there is none: TF_CONFIG is unset, and the "
            "process was started neither by srun nor in an indexed Kubernetes Job; start it with "
            "tftrain launch --workers=N -- python script.py"
        )
    return cluster


MAKERS: dict[str, Callable[[Cluster | None, dict[str, Any]], Any]] = {
    "one": _one,
    "mirrored": _mirrored,
    "pipeline": _pipeline,
    "multiworker": _multiworker,
    "ps": _ps,
    "tpu": _tpu,
    "model_parallel": _model_parallel,
}
