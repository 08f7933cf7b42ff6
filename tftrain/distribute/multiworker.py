"""MultiWorkerMirroredStrategy that neither starts nor hangs without its peers.

TensorFlow's coordination service is configured here, before the strategy would do it with no
time limits: registration of the tasks ends after `start_timeout`, and a task whose heartbeat
stops for `peer_timeout` ends the others' collectives with an error (`lost_peer` gives it a name).
"""

from __future__ import annotations

import json
import os
from typing import Any

from tftrain.distribute import preflight, roll_call, runtime, watchdog
from tftrain.distribute.clusters import Cluster
from tftrain.errors import StrategyError
from tftrain.keras_api import tf


def strategy(cluster: Cluster, *, start_timeout: float, peer_timeout: float) -> Any:
    """Makes the strategy in this worker once every other worker is there.

    Sets TF_CONFIG from the cluster: TensorFlow reads it.

    Args:
        cluster: Who takes part; this process must be a worker or the chief.
        start_timeout: Seconds to wait for the other workers.
        peer_timeout: Seconds without a sign of life after which a worker is taken for dead.

    Raises:
        StrategyError: TensorFlow has run already, or the cluster has parameter servers.
        PeerUnreachable: Names the workers that did not answer.
    """
    if cluster.ps:
        raise StrategyError(
            f"strategy 'multiworker' in a cluster with parameter servers {cluster.ps}: "
            "use strategy 'ps', or start the job without servers"
        )
    runtime.require_unused("multiworker")
    os.environ["TF_CONFIG"] = json.dumps(cluster.tf_config())
    roll_call.wait_for_peers(cluster, start_timeout)
    _configure_coordination(cluster, start_timeout, peer_timeout)
    with watchdog.time_limit(start_timeout, f"{cluster.name}: connecting", cluster.peers):
        made = tf.distribute.MultiWorkerMirroredStrategy()
    made._tftrain_cluster, made._tftrain_limit = cluster, start_timeout
    if cluster.peers:
        preflight.watch_variables(made, cluster, start_timeout)
    return made


def _configure_coordination(cluster: Cluster, start_timeout: float, peer_timeout: float) -> None:
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
    from tensorflow.python.eager import context

    leader = "chief" if cluster.chief else "worker"
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{leader}/replica:0/task:0",
        cluster_register_timeout_in_ms=_milliseconds(start_timeout),
        heartbeat_timeout_in_ms=_milliseconds(peer_timeout),
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name=job, num_tasks=len(addresses))
            for job, addresses in cluster.jobs.items()
        ],
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
