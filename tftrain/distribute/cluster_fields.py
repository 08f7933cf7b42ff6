"""Checks of the fields that describe a cluster; each returns sentences about what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tftrain.errors import ClusterError

JOBS = ("chief", "worker", "ps")
_EXAMPLE = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


def parse_json(text: str) -> Any:
    """The value of TF_CONFIG's text.

    Raises:
        ClusterError: The text is not JSON; says where.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ClusterError(
            [
                f"TF_CONFIG is not JSON ({error.msg} at character {error.pos}): "
                f"received {text[:80]!r}, expected {_EXAMPLE}"
            ]
        ) from error


def shape_problems(config: Any) -> list[str]:
    """What is wrong with the structure of a TF_CONFIG, before looking at addresses."""
    if not isinstance(config, dict):
        return [f"TF_CONFIG is a JSON {type(config).__name__}, expected an object: {_EXAMPLE}"]
    return _cluster_problems(config.get("cluster")) + _task_shape_problems(config.get("task"))


def _cluster_problems(jobs: Any) -> list[str]:
    if not isinstance(jobs, dict) or not jobs:
        return [f"TF_CONFIG cluster is {jobs!r}: expected an object of address lists, {_EXAMPLE}"]
    problems = [
        f"TF_CONFIG cluster.{job} is not a task type tftrain trains with: expected {_names(JOBS)}"
        for job in jobs
        if job not in JOBS
    ]
    for job, addresses in jobs.items():
        if not isinstance(addresses, list) or not all(isinstance(one, str) for one in addresses):
            problems.append(
                f"TF_CONFIG cluster.{job} is {addresses!r}: expected a list of 'host:port' texts"
            )
    if len(jobs.get("chief") or ()) > 1:
        problems.append(f"TF_CONFIG cluster.chief has {len(jobs['chief'])} tasks: expected one")
    return problems


def _task_shape_problems(task: Any) -> list[str]:
    if not isinstance(task, dict):
        return [f'TF_CONFIG task is {task!r}: expected {{"type": "worker", "index": 0}}']
    problems = []
    if not isinstance(task.get("type"), str):
        problems.append(_field("task.type", task, "type", f"one of {_names(JOBS)}"))
    if not _is_whole(task.get("index")):
        problems.append(_field("task.index", task, "index", "a whole number"))
    return problems


def _field(path: str, holder: dict[str, Any], key: str, expected: str) -> str:
    received = f"is {holder[key]!r}" if key in holder else "is missing"
    return f"TF_CONFIG {path} {received}: expected {expected}"


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):  # TensorFlow takes "1" too
        return value.isascii() and value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def address_problems(jobs: Mapping[str, Sequence[str]]) -> list[str]:
    """Malformed and repeated addresses of a cluster."""
    problems = []
    for job, addresses in jobs.items():
        for index, address in enumerate(addresses):
            problem = _address_problem(address)
            if problem:
                problems.append(f"cluster.{job}[{index}] is {address!r}: {problem}")
    every = [address for addresses in jobs.values() for address in addresses]
    return problems + _duplicates(every)


def _address_problem(address: str) -> str | None:
    host, colon, port = address.rpartition(":")
    if not colon or not host:
        return "expected 'host:port'"
    if "/" in host or any(character.isspace() for character in host):
        return "expected 'host:port' without scheme, path or spaces"
    if not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65535:
        return f"port {port!r} is not a whole number from 1 to 65535"
    return None


def _duplicates(addresses: Iterable[str]) -> list[str]:
    return [
        f"address {address!r} occurs {count} times in the cluster: each task needs its own; "
        "give tasks on one host different ports"
        for address, count in Counter(addresses).items()
        if count > 1
    ]


def task_problems(jobs: Mapping[str, Sequence[str]], task_type: str, index: int) -> list[str]:
    """Whether the task named is one of the cluster's."""
    if not jobs.get("worker") and not jobs.get("chief"):
        return [f"the cluster has no worker: received {dict(jobs)!r}, expected at least one"]
    if task_type not in jobs:
        return [f"task.type is {task_type!r}: the cluster has {_names(jobs)}"]
    count = len(jobs[task_type])
    if not 0 <= index < count:
        return [
            f"task.index is {index}: the cluster has {count} {task_type} tasks, "
            f"expected an index from 0 to {count - 1}"
        ]
    return []


def whole_number(
    environ: Mapping[str, str], variable: str, default: int | None = None, least: int = 0
) -> int:
    """The whole number an environment variable holds.

    Raises:
        ClusterError: It is unset without a default, not a whole number, or less than `least`.
    """
    text = environ.get(variable, "").strip()
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        received = repr(text) if variable in environ else "unset"
        raise ClusterError([f"{variable} is {received}: expected a whole number from {least} up"])
    return int(text)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
