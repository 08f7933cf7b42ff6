"""The cluster of an indexed Kubernetes Job, from the index of this pod.

An indexed Job gives its pods the hostnames `JOB-0`, `JOB-1`, ... and sets JOB_COMPLETION_INDEX;
a headless service makes these names resolve. What the pods cannot see is told by variables that
`tftrain launch --manifest=job` and `--manifest=trainer` write:

- `TFTRAIN_JOB_NAME`: what pod hostnames begin with, before `-INDEX`
- `TFTRAIN_SERVICE`: the headless service (the pods' subdomain)
- `TFTRAIN_REPLICAS`: the number of pods
- `TFTRAIN_PORT`: the port every pod listens on, 2222 by default
- `TFTRAIN_SERVERS`: how many of the pods are parameter servers, 0 by default

Kubeflow's TFJob sets TF_CONFIG itself and needs none of this.

Reference: https://kubernetes.io/docs/tasks/job/job-with-pod-to-pod-communication/
"""

from __future__ import annotations

from collections.abc import Mapping

from tftrain.distribute import clusters
from tftrain.distribute.cluster_fields import whole_number
from tftrain.errors import ClusterError

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
JOB_VARIABLE = "TFTRAIN_JOB_NAME"
SERVICE_VARIABLE = "TFTRAIN_SERVICE"
REPLICAS_VARIABLE = "TFTRAIN_REPLICAS"
PORT_VARIABLE = "TFTRAIN_PORT"
DEFAULT_PORT = 2222


def from_environment(environ: Mapping[str, str]) -> clusters.Cluster | None:
    """The cluster of the indexed Job this pod belongs to; None outside one.

    An indexed Job without `TFTRAIN_REPLICAS` may be anything, e.g. a sweep of independent
    runs, and is not taken for a cluster.

    Raises:
        ClusterError: A variable is missing or wrong.

    Example:
        >>> cluster = from_environment({
        ...     "JOB_COMPLETION_INDEX": "1", "TFTRAIN_REPLICAS": "2",
        ...     "TFTRAIN_JOB_NAME": "digits", "TFTRAIN_SERVICE": "digits"})
        >>> cluster.workers, cluster.name
        (('digits-0.digits:2222', 'digits-1.digits:2222'), 'worker 1')
    """
    if INDEX_VARIABLE not in environ or REPLICAS_VARIABLE not in environ:
        return None
    index = whole_number(environ, INDEX_VARIABLE)
    replicas = whole_number(environ, REPLICAS_VARIABLE, least=1)
    if index >= replicas:
        raise ClusterError(
            [f"{INDEX_VARIABLE} is {index}: with {REPLICAS_VARIABLE}={replicas} expected less"]
        )
    port = whole_number(environ, PORT_VARIABLE, default=DEFAULT_PORT, least=1)
    job, service = _required(environ, JOB_VARIABLE), _required(environ, SERVICE_VARIABLE)
    addresses = [f"{job}-{pod}.{service}:{port}" for pod in range(replicas)]
    return clusters.assign_roles(addresses, index, environ)


def _required(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable, "").strip()
    if not value:
        raise ClusterError(
            [
                f"{variable} is unset: {INDEX_VARIABLE} and {REPLICAS_VARIABLE} announce a "
                f"cluster of pods, which needs {JOB_VARIABLE} and {SERVICE_VARIABLE} too"
            ]
        )
    return value
