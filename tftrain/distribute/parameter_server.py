"""Asynchronous training with parameter servers: the same script runs in every task.

In worker and server tasks `strategy()` serves and never returns; in the coordinator it returns
the strategy, and a plain Keras `fit` under it trains asynchronously:

    strategy = tftrain.distribute.strategy("ps")
    with strategy.scope():
        model = ...
        model.compile(...)
    model.fit(x, y, epochs=5)

Every worker computes gradients with the newest variables it can read and applies them at once,
without waiting for the others: each batch is an update of its own, with its own clipping and
weight decay. Variables live on the servers, whole, balanced by bytes (`variable_placement`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tftrain.distribute import variable_placement
from tftrain.distribute.dispatcher import Dispatcher
from tftrain.distribute.task_server import GRACE, START_LIMIT, serve
from tftrain.errors import ConfigError
from tftrain.keras_api import tf

COORDINATOR = "chief"


def strategy(
    cluster: Any = None, *, start_limit: float = START_LIMIT, grace: float = GRACE
) -> tf.distribute.ParameterServerStrategy:
    """Returns the strategy in the coordinator; serves, and ends the process, in other tasks.

    Args:
        cluster: A TF_CONFIG dictionary, an object whose `tf_config()` returns one, or None to
            read the environment variable TF_CONFIG.
        start_limit: Seconds a worker or server waits for the coordinator to appear.
        grace: Seconds of the coordinator's silence after which a worker or server ends.

    Returns:
        A ParameterServerStrategy; its `extended` balances variables over servers by bytes.

    Raises:
        ConfigError: The cluster lacks a coordinator, a worker or a server, or the task is none
            of them.
        CoordinatorMissing: In a worker or server, when no coordinator appeared.
        SystemExit: With status 0, in a worker or server, when the coordinator has ended.

    Reference:
        Dean et al., "Large Scale Distributed Deep Networks", 2012.
    """
    jobs, task_type, task_index = _read(cluster)
    if task_type != COORDINATOR:
        serve(jobs, task_type, task_index, start_limit=start_limit, grace=grace)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(jobs), task_type=task_type, task_id=task_index, rpc_layer="grpc"
    )
    made = tf.distribute.ParameterServerStrategy(resolver)
    variable_placement.balance(made)
    dispatcher(made)
    return made


def is_parameter_server(strategy: Any) -> bool:
    """Whether `strategy` trains through parameter servers."""
    return isinstance(strategy, tf.distribute.ParameterServerStrategy)


def dispatcher(strategy: tf.distribute.ParameterServerStrategy) -> Dispatcher:
    """Returns the one dispatcher of `strategy`, made at the first call."""
    found = getattr(strategy, "_tftrain_dispatcher", None)
    if found is None:
        found = Dispatcher(strategy, strategy._cluster_resolver.cluster_spec().as_dict())
        strategy._tftrain_dispatcher = found
    return found


def _read(cluster: Any) -> tuple[dict[str, list[str]], str, int]:
    if cluster is None:
        cluster = json.loads(os.environ.get("TF_CONFIG") or "{}")
    config = cluster if isinstance(cluster, Mapping) else cluster.tf_config()
    jobs = {job: list(addresses) for job, addresses in config.get("cluster", {}).items()}
    task = config.get("task", {})
    problems = list(_problems(jobs, task))
    if problems:
        raise ConfigError(problems)
    return jobs, task["type"], int(task.get("index", 0))


def _problems(jobs: Mapping[str, list[str]], task: Mapping[str, Any]) -> list[str]:
    problems = [
        f"training with parameter servers needs {what} in TF_CONFIG's cluster: add "
        f'"{job}": ["host:port"]'
        for job, what in (("chief", "a coordinator"), ("worker", "a worker"), ("ps", "a server"))
        if not jobs.get(job)
    ]
    if len(jobs.get(COORDINATOR, ())) > 1:
        problems.append(f"TF_CONFIG lists {len(jobs[COORDINATOR])} tasks 'chief'; expected one")
    if task.get("type") not in (COORDINATOR, "worker", "ps"):
        problems.append(
            f"TF_CONFIG's task type is {task.get('type')!r}; expected 'chief' (the coordinator), "
            "'worker' or 'ps'"
        )
    return problems
