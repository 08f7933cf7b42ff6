import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tftrain.distribute import clusters
from tftrain.distribute.clusters import Cluster
from tftrain.errors import ClusterError

HOSTS = st.lists(
    st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), min_size=1, max_size=6, unique=True
)


@given(HOSTS, st.integers(1, 65535), st.data())
def test_tf_config_round_trip(hosts, port, data):
    index = data.draw(st.integers(0, len(hosts) - 1))
    cluster = Cluster(workers=tuple(f"{host}:{port}" for host in hosts), task_index=index)
    assert clusters.from_tf_config(json.dumps(cluster.tf_config())) == cluster


def test_round_trip_with_chief_and_servers():
    cluster = Cluster(("w:1",), ps=("p:1", "q:1"), chief="c:1", task_type="ps", task_index=1)
    assert clusters.from_tf_config(json.dumps(cluster.tf_config())) == cluster


def test_chief_is_worker_0_unless_there_is_a_chief_task():
    assert Cluster(("a:1", "b:1")).is_chief
    assert not Cluster(("a:1",), chief="c:1").is_chief
    assert Cluster(("a:1",), chief="c:1", task_type="chief").is_chief


def test_peers_are_all_the_others():
    cluster = Cluster(("a:1", "b:1"), ps=("p:1",), task_index=1)
    assert cluster.peers == {"worker 0": "a:1", "ps 0": "p:1"}


def tf_config(cluster=None, task=None):
    cluster = {"worker": ["a:1", "b:1"]} if cluster is None else cluster
    return json.dumps({"cluster": cluster, "task": task or {"type": "worker", "index": 0}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "TF_CONFIG is not JSON"),
        ("[]", "TF_CONFIG is a JSON list"),
        ('{"task": {"type": "worker", "index": 0}}', "TF_CONFIG cluster is None"),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG task is None"),
        (tf_config({"worker": "a:1"}), "cluster.worker is 'a:1'"),
        (tf_config({"worker": {"0": "a:1"}}), "cluster.worker is {'0': 'a:1'}"),
        (tf_config({"wroker": ["a:1"]}), "cluster.wroker is not a task type"),
        (tf_config({"worker": ["a:1"], "chief": ["b:1", "c:1"]}), "cluster.chief has 2 tasks"),
        (tf_config(task={"index": 0}), "task.type is missing"),
        (tf_config(task={"type": "worker"}), "task.index is missing"),
        (tf_config(task={"type": "worker", "index": "one"}), "task.index is 'one'"),
        (tf_config(task={"type": "worker", "index": -1}), "task.index is -1"),
        (tf_config(task={"type": "worker", "index": 2}), "expected an index from 0 to 1"),
        (tf_config(task={"type": "ps", "index": 0}), "task.type is 'ps'"),
        (tf_config({"worker": ["a:1", "b"]}), "cluster.worker[1] is 'b'"),
        (tf_config({"worker": ["a:99999"]}), "port '99999'"),
        (tf_config({"worker": ["a:0"]}), "port '0'"),
        (tf_config({"worker": ["http://a:80"]}), "without scheme"),
        (tf_config({"worker": ["a:1", "a:1"]}), "'a:1' occurs 2 times"),
        (tf_config({"ps": ["a:1"]}, {"type": "ps", "index": 0}), "no worker"),
    ],
)
def test_bad_tf_config_names_the_field(text, said):
    with pytest.raises(ClusterError) as caught:
        clusters.from_tf_config(text)
    assert said in str(caught.value)


def test_every_problem_is_told_at_once():
    with pytest.raises(ClusterError) as caught:
        clusters.from_tf_config(tf_config({"worker": ["a", "b:x"]}, {"type": "worker", "index": 5}))
    assert len(caught.value.problems) == 3


def test_index_as_text_is_accepted_as_tensorflow_does():
    read = clusters.from_tf_config(tf_config(task={"type": "worker", "index": "1"}))
    assert read.task_index == 1


@pytest.mark.parametrize("text", ["", " ", "{}", '{"cluster": {}}'])
def test_no_cluster_in_tf_config_is_no_cluster(text):
    assert clusters.detect({"TF_CONFIG": text}) is None


def test_detect_prefers_tf_config():
    environ = {"TF_CONFIG": tf_config(), "JOB_COMPLETION_INDEX": "0", "TFTRAIN_REPLICAS": "1"}
    cluster, source = clusters.detect(environ)
    assert (cluster.workers, source) == (("a:1", "b:1"), "TF_CONFIG")


def test_roles_with_servers():
    environ = {"TFTRAIN_SERVERS": "1"}
    addresses = ["a:1", "b:1", "c:1", "d:1"]
    made = [clusters.assign_roles(addresses, rank, environ) for rank in range(4)]
    assert [one.name for one in made] == ["chief 0", "worker 0", "worker 1", "ps 0"]
    assert made[0].jobs == {"chief": ("a:1",), "worker": ("b:1", "c:1"), "ps": ("d:1",)}


def test_too_few_processes_for_the_servers():
    with pytest.raises(ClusterError, match="leaves 0 workers"):
        clusters.assign_roles(["a:1", "b:1"], 0, {"TFTRAIN_SERVERS": "1"})
