"""Two workers on two hosts: network namespaces with addresses of their own."""

import json

import pytest
from lab import enclosure

pytestmark = pytest.mark.cluster

PEER_TIMEOUT = 5  # as in lab/training.py
LIMIT = 20  # seconds: the time-out, the search for the peer that is silent, a busy machine


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    enclosure.require()
    folder = tmp_path_factory.mktemp("hosts")
    return {"folder": folder, **enclosure.run("two_hosts.py", folder, limit=400)}


def workers(hosts):
    return [json.loads((hosts["folder"] / f"whole/worker-{i}.json").read_text()) for i in (0, 1)]


def test_both_workers_end_well(hosts):
    assert hosts["statuses"] == [0, 0]


def test_each_worker_is_on_a_host_of_its_own(hosts):
    assert [worker["host"] for worker in workers(hosts)] == ["n1", "n2"]
    assert workers(hosts)[0]["cluster"] == {"worker": ["10.77.0.2:2222", "10.77.0.3:2222"]}


def test_they_train_one_model_together(hosts):
    first, second = workers(hosts)
    assert first["replicas"] == second["replicas"] == 2
    assert first["updates"] == second["updates"] > 0
    assert first["loss"] == second["loss"]
    assert first["loss"][-1] < first["loss"][0]


def test_weights_are_equal_to_the_bit(hosts):
    first, second = workers(hosts)
    assert first["weights"] == second["weights"]


@pytest.mark.parametrize(("index", "peer"), [(0, "worker 1 at 10.77.0.3"), (1, "worker 0 at ")])
def test_a_cut_link_ends_the_job_with_the_peers_name_within_the_limit(hosts, index, peer):
    end = hosts["ends"][str(index)]
    log = (hosts["folder"] / f"broken/worker-{index}.log").read_text(errors="replace")
    assert end["status"] == 1, log[-3000:]
    assert f"PeerLost: worker {index} lost {peer}" in log
    assert end["seconds"] < PEER_TIMEOUT + LIMIT
