"""How long exchanges between devices take."""

from __future__ import annotations

from tftrain.planning.machines import Link


def ring_all_reduce(payload: float, members: int, link: Link) -> float:
    """Seconds until every member of a ring has the sum.

    $2(K-1)$ rounds, in each of which every member sends a part of $M/K$ bytes to the next:
    $2(K-1)(M/(Kb)+l)$.

    Args:
        payload: Bytes that each member contributes, M.
        members: K.
        link: With b bytes a second and a latency of l seconds.

    Reference: Patarasuk and Yuan, *Bandwidth optimal all-reduce algorithms for clusters of
    workstations*, 2009.

    Example:
        >>> ring_all_reduce(100e6, 2, Link(1e9))
        0.1
    """
    rounds = 2 * (members - 1)
    return rounds * (payload / members / link.bandwidth + link.latency) if payload else 0.0


def ring_all_gather(payload: float, members: int, link: Link) -> float:
    """Seconds until every member of a ring has what every other one contributes.

    $(K-1)(M/b+l)$, as each round passes on a whole payload.

    Args:
        payload: Bytes that each member contributes, M.
        members: K.
        link: With b bytes a second and a latency of l seconds.

    Example:
        >>> ring_all_gather(100e6, 3, Link(1e9))
        0.2
    """
    return (members - 1) * (payload / link.bandwidth + link.latency) if payload else 0.0


def parameter_servers(
    pushed: float,
    pulled: float,
    workers: int,
    servers: int,
    link: Link,
    worker: float | None = None,
) -> float:
    """Seconds until all workers have handed in gradients and fetched weights.

    The links of servers carry the traffic of all workers, $K(M_g+M_w)/S$ bytes each; a worker's own
    link carries its part alone. Gradients come in before weights go out.

    Args:
        pushed: Bytes of a model's gradients, as they are sent.
        pulled: Bytes of its weights.
        workers: Replicas of the model.
        servers: Among which the model is divided evenly.
        link: Of a server, and of a worker.
        worker: Bytes that the link of one device of a worker carries; None: all of a replica's.

    Reference: Li et al., *Scaling Distributed Machine Learning with the Parameter Server*, 2014.

    Example:
        >>> parameter_servers(100e6, 100e6, 4, 1, Link(1e9))
        0.8
    """
    both = pushed + pulled
    busiest = max(both if worker is None else worker, workers * both / servers)
    return busiest / link.bandwidth + 2 * link.latency


def passed_on(payload: float, link: Link) -> float:
    """Seconds to send to the next stage: $M/b+l$, and nothing for no bytes.

    Args:
        payload: Bytes, M.
        link: With b bytes a second and a latency of l seconds.
    """
    return payload / link.bandwidth + link.latency if payload else 0.0
