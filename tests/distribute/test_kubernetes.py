import pytest

from tftrain.distribute import clusters, kubernetes
from tftrain.errors import ClusterError

POD = {
    "JOB_COMPLETION_INDEX": "1",
    "TFTRAIN_REPLICAS": "3",
    "TFTRAIN_JOB_NAME": "digits",
    "TFTRAIN_SERVICE": "digits-pods",
}


def test_addresses_follow_the_index():
    cluster, source = clusters.detect(POD)
    assert source == "Kubernetes"
    assert cluster.address == "digits-1.digits-pods:2222"
    assert len(cluster.workers) == 3


def test_an_indexed_job_of_independent_runs_is_no_cluster():
    assert clusters.detect({"JOB_COMPLETION_INDEX": "1"}) is None


def test_servers_are_the_last_pods():
    cluster = kubernetes.from_environment(
        {**POD, "JOB_COMPLETION_INDEX": "2"} | {"TFTRAIN_SERVERS": "1"}
    )
    assert cluster.name == "ps 0"
    assert cluster.chief == "digits-0.digits-pods:2222"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"JOB_COMPLETION_INDEX": "3"}, "JOB_COMPLETION_INDEX is 3"),
        ({"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is 'x'"),
        ({"TFTRAIN_REPLICAS": "0"}, "TFTRAIN_REPLICAS is '0'"),
        ({"TFTRAIN_SERVICE": ""}, "TFTRAIN_SERVICE is unset"),
        ({"TFTRAIN_PORT": "70000"}, "port '70000'"),
    ],
)
def test_bad_variables_are_named(change, said):
    with pytest.raises(ClusterError) as caught:
        kubernetes.from_environment({**POD, **change})
    assert said in str(caught.value)
