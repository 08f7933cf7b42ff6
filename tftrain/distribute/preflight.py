"""Checks, before the first step, that the workers of a job can train together.

Peers were reached when the strategy was made (`roll_call`). Here the workers compare what they
are about to do: versions, model, optimizer, loss, the structure of the data. Different models
would otherwise hang or corrupt one another in the first collective.

Variables are compared as they are made, because making one is already a collective: workers
that build different models stop at the first variable that differs.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from tftrain.distribute import data_shares, fingerprints, notice_board, roles
from tftrain.distribute.clusters import Cluster
from tftrain.distribute.data_shares import Share
from tftrain.errors import PeerUnreachable, PreflightError

LIMIT_SECONDS = 60.0

_checks = 0  # that this process has come to


def check(
    strategy: Any,
    model: Any,
    dataset: Any = None,
    *,
    element_spec: Any = None,
    examples: int | None = None,
    limit: float | None = None,
) -> None:
    """Compares all workers; every worker must call it, before its first step.

    The chief prints the workers' shares of the data. Without a multi-worker strategy made by
    `tftrain.distribute.strategy` it does nothing.

    Args:
        strategy: The strategy of the model.
        model: A compiled Keras model.
        dataset: The dataset given to `fit`, if it is one.
        element_spec: The structure of a batch; that of `dataset` by default.
        examples: The number of examples, where it is known (arrays).
        limit: Seconds to wait for the other workers; what the strategy was made with by default.

    Raises:
        PreflightError: Names the worker that differs, or has no data, and the difference.
        PeerUnreachable: Names the workers that did not come to the check in time.
    """
    strategy = roles.between_workers(strategy)
    cluster = getattr(strategy, "_tftrain_cluster", None)
    if cluster is None or not cluster.peers:
        return
    limit = getattr(strategy, "_tftrain_limit", LIMIT_SECONDS) if limit is None else limit
    spec = getattr(dataset, "element_spec", None) if element_spec is None else element_spec
    share = data_shares.share_of(dataset, examples)
    mine = {"examples": share.examples, "topics": fingerprints.of(model, spec)}
    reports = _exchange(cluster, mine, limit)
    problem = _problem(cluster, reports)
    if problem:
        _stop(f"preflight: {problem}")
    if cluster.is_chief:
        _report(cluster, mine["topics"], share)


def _exchange(cluster: Cluster, mine: dict[str, Any], limit: float) -> dict[str, dict[str, Any]]:
    """Posts this worker's report and reads the others'."""
    global _checks
    number, _checks = _checks, _checks + 1
    notice_board.post(f"preflight/{number}/{cluster.name}", json.dumps(mine))
    deadline = time.monotonic() + limit
    reports = {cluster.name: mine}
    missing = []
    for name, address in cluster.peers.items():
        text = notice_board.read(f"preflight/{number}/{name}", deadline - time.monotonic())
        if text is None:
            missing.append(f"{name} at {address}")
        else:
            reports[name] = json.loads(text)
    if missing:
        raise PeerUnreachable([f"{one} (did not come to the check)" for one in missing], limit)
    return reports


def _problem(cluster: Cluster, reports: dict[str, dict[str, Any]]) -> str | None:
    """What is wrong, told the same way by every worker: against the first of them."""
    first, *others = sorted(reports, key=_order)
    for name in (first, *others):
        if reports[name]["examples"] == 0:
            return f"{name} has no data: its dataset is empty; give every worker examples"
    for name in others:
        found = fingerprints.difference(reports[name]["topics"], reports[first]["topics"])
        if found:
            found = found.replace(" here", f" in {name}").replace(" there", f" in {first}")
            return f"{name} differs from {first} in {found}; start the same script everywhere"
    return None


def _order(name: str) -> tuple[str, int]:
    task_type, _, index = name.partition(" ")
    return task_type, int(index)


def _report(cluster: Cluster, topics: dict[str, str], share: Share) -> None:
    workers = len(cluster.peers) + 1
    print(
        f"tftrain: preflight: {workers} workers agree (TensorFlow {topics['TensorFlow']}, Keras "
        f"{topics['Keras']}, tftrain {topics['tftrain']}); {share.describe(workers)}",
        file=sys.stderr,
    )


def watch_variables(strategy: Any, cluster: Cluster, limit: float) -> None:
    """From now on, workers stop at the first variable that is not the same in all of them.

    Args:
        strategy: A multi-worker strategy just made.
        cluster: Its cluster.
        limit: Seconds to wait for the chief's variable.
    """
    from tftrain.distribute.keras_bridge import lost_peer

    numbers = itertools.count()
    create = strategy.extended._create_variable

    def create_variable(next_creator: Any, **kwargs: Any) -> Any:
        compare = functools.partial(_compare_variable, cluster, next(numbers), limit, kwargs)
        kwargs["initial_value"] = _comparing(kwargs.get("initial_value"), compare)
        with lost_peer.naming_lost_peers():
            return create(next_creator, **kwargs)

    strategy.extended._create_variable = create_variable


def _comparing(initial_value: Any, compare: Callable[[Any], None]) -> Any:
    """An initial value that is compared once, when it is known and not yet sent."""
    if not callable(initial_value):
        compare(initial_value)
        return initial_value
    compare_once = functools.cache(lambda: compare(made[0]))
    made: list[Any] = []

    def value() -> Any:
        made[:] = [initial_value()]
        compare_once()
        return made[0]

    return value


def _compare_variable(
    cluster: Cluster, number: int, limit: float, variable: dict[str, Any], value: Any
) -> None:
    dtype = variable.get("dtype") or getattr(value, "dtype", None)
    shape = list(getattr(value, "shape", ()))
    mine = f"{variable.get('name')!r} {getattr(dtype, 'name', dtype)}{shape}"
    key = f"variable/{number}"
    if cluster.is_chief:
        notice_board.post(key, mine)
        return
    chief = "chief 0" if cluster.chief else "worker 0"
    theirs = notice_board.read(key, 1.0)
    if theirs is None:
        # A chief that has come to its next check makes no more variables before it.
        found = notice_board.read_first([key, f"preflight/{_checks}/{chief}"], limit)
        theirs = found[1] if found and found[0] == key else "none"
    if theirs != mine:
        _stop(
            f"preflight: {cluster.name} differs from {chief} in variable {number}: {mine} in "
            f"{cluster.name}, {theirs} in {chief}; start the same script everywhere"
        )


def _stop(problem: str) -> None:
    notice_board.stop_everyone(problem)
    raise PreflightError(problem)
