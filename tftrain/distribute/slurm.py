"""The cluster of a Slurm job step, in the order in which Slurm numbers its tasks.

`srun` tells every task its rank and the nodes; nothing else is needed, so the module runs no
program and looks for no GPU. TensorFlow's own SlurmClusterResolver calls nvidia-smi and sorts
hosts as text, which gives n10 the rank of n2.

Reference: https://slurm.schedmd.com/srun.html (output environment variables).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tftrain.distribute import clusters
from tftrain.distribute.cluster_fields import whole_number
from tftrain.errors import ClusterError

PORT_VARIABLE = "TFTRAIN_PORT"
_FIRST_PORT, _PORTS_A_JOB, _JOBS = 16000, 16, 1000  # stays below Linux's ephemeral ports, 32768


def from_environment(environ: Mapping[str, str]) -> clusters.Cluster | None:
    """The cluster of the job step this process is a task of; None outside `srun`.

    Raises:
        ClusterError: The SLURM_* variables are incomplete or contradict one another.
    """
    # A batch script sees SLURM_PROCID=0 too; only a task that srun started has a step.
    if "SLURM_STEP_NODELIST" not in environ or "SLURM_PROCID" not in environ:
        return None
    rank = whole_number(environ, "SLURM_PROCID")
    placement = _placement(environ)
    if not rank < len(placement):
        raise ClusterError(
            [f"SLURM_PROCID is {rank}: the step has {len(placement)} tasks, expected less"]
        )
    _check_own_place(environ, placement[rank])
    hosts = expand_hostlist(environ["SLURM_STEP_NODELIST"])
    ports = _ports(environ, max(local for _, local in placement) + 1)
    addresses = [f"{hosts[node]}:{ports[local]}" for node, local in placement]
    return clusters.assign_roles(addresses, rank, environ)


def expand_hostlist(text: str) -> list[str]:
    """The hosts of a Slurm hostlist, in its order.

    Raises:
        ClusterError: The text is not a hostlist.

    Example:
        >>> expand_hostlist("n[1-3,15],login,r[1-2]c[01-02]")
        ['n1', 'n2', 'n3', 'n15', 'login', 'r1c01', 'r1c02', 'r2c01', 'r2c02']
    """
    hosts = [host for part in _split(text) for host in _expand_part(part, text)]
    if not hosts:
        raise _bad_hostlist(text)
    return hosts


def _split(text: str) -> list[str]:
    """Splits at commas outside brackets."""
    return [part for part in re.split(r",(?![^\[]*\])", text.strip()) if part]


def _expand_part(part: str, whole: str) -> Iterator[str]:
    match = re.fullmatch(r"([^\[\]]*)\[([^\[\]]+)\](.*)", part)
    if match is None:
        if "[" in part or "]" in part:
            raise _bad_hostlist(whole)
        yield part
        return
    prefix, ranges, rest = match.groups()
    rests = list(_expand_part(rest, whole)) if rest else [""]
    for number in _numbers(ranges, whole):
        for suffix in rests:
            yield f"{prefix}{number}{suffix}"


def _numbers(ranges: str, whole: str) -> Iterator[str]:
    for one in ranges.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", one, flags=re.ASCII)
        if match is None:
            raise _bad_hostlist(whole)
        first, last = match.group(1), match.group(2) or match.group(1)
        if int(last) < int(first):
            raise _bad_hostlist(whole)
        for number in range(int(first), int(last) + 1):
            yield str(number).zfill(len(first))


def _bad_hostlist(text: str) -> ClusterError:
    return ClusterError([f"{text!r} is not a Slurm hostlist: expected e.g. 'n[1-4,7],login'"])


def _placement(environ: Mapping[str, str]) -> list[tuple[int, int]]:
    """Node number and task number on that node, by rank."""
    counts = _tasks_per_node(environ.get("SLURM_STEP_TASKS_PER_NODE", ""))
    nodes = len(expand_hostlist(environ["SLURM_STEP_NODELIST"]))
    if len(counts) != nodes:
        raise ClusterError(
            [
                f"SLURM_STEP_TASKS_PER_NODE={environ.get('SLURM_STEP_TASKS_PER_NODE')!r} is about "
                f"{len(counts)} nodes, SLURM_STEP_NODELIST={environ['SLURM_STEP_NODELIST']!r} "
                f"about {nodes}: expected the same number"
            ]
        )
    block = [(node, local) for node, count in enumerate(counts) for local in range(count)]
    return sorted(block, key=lambda place: place[::-1]) if _is_cyclic(environ) else block


def _tasks_per_node(text: str) -> list[int]:
    """Expands Slurm's run lengths: `2(x3),1` is [2, 2, 2, 1]."""
    counts: list[int] = []
    for one in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", one.strip(), flags=re.ASCII)
        if match is None:
            raise ClusterError([f"SLURM_STEP_TASKS_PER_NODE is {text!r}: expected e.g. '2(x3),1'"])
        counts += [int(match.group(1))] * int(match.group(2) or 1)
    return counts


def _is_cyclic(environ: Mapping[str, str]) -> bool:
    distribution = environ.get("SLURM_DISTRIBUTION", "block").split(":")[0].split(",")[0].lower()
    if distribution in ("block", "cyclic"):
        return distribution == "cyclic"
    raise ClusterError(
        [
            f"SLURM_DISTRIBUTION is {distribution!r}: expected block or cyclic; "
            "start with srun --distribution=block"
        ]
    )


def _check_own_place(environ: Mapping[str, str], place: tuple[int, int]) -> None:
    told = tuple(
        whole_number(environ, variable, default=expected)
        for variable, expected in zip(("SLURM_NODEID", "SLURM_LOCALID"), place, strict=True)
    )
    if told != place:
        raise ClusterError(
            [
                f"rank {environ['SLURM_PROCID']} runs on node {told[0]} as task {told[1]}, but the "
                f"step's layout puts it on node {place[0]} as task {place[1]}: "
                "start with srun --distribution=block"
            ]
        )


def _ports(environ: Mapping[str, str], count: int) -> list[int]:
    """A port for each task of a node: reserved by Slurm, chosen by the user, or by job number."""
    reserved = environ.get("SLURM_STEP_RESV_PORTS", "")
    if reserved:
        ports = [int(port) for port in expand_hostlist(f"[{reserved}]")]
        if len(ports) < count:
            raise ClusterError(
                [f"SLURM_STEP_RESV_PORTS={reserved!r} reserves {len(ports)} ports, need {count}"]
            )
        return ports[:count]
    job = whole_number(environ, "SLURM_JOB_ID", default=0)
    base = _FIRST_PORT + job % _JOBS * _PORTS_A_JOB
    base = whole_number(environ, PORT_VARIABLE, default=base, least=1)
    return list(range(base, base + count))
