"""`srun python script.py` under a real Slurm of two nodes, each with an address of its own."""

import json

import pytest
from lab import enclosure

pytestmark = pytest.mark.cluster

DAEMONS = ("munged", "slurmctld", "slurmd", "srun", "sinfo")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    enclosure.require(*DAEMONS)
    folder = tmp_path_factory.mktemp("slurm")
    return {"folder": folder, **enclosure.run("slurm_nodes.py", folder, limit=500)}


@pytest.fixture(params=["plain", "named"])
def workers(request, slurm):
    """What the two workers became: nodes as Slurm likes, and `--nodelist=n2,n1`."""
    folder = slurm["folder"] / request.param
    log = (folder / "srun.log").read_text(errors="replace")
    assert slurm["statuses"][request.param] == 0, log[-4000:]
    return [json.loads((folder / f"worker-{index}.json").read_text()) for index in (0, 1)]


def test_ranks_are_in_node_order(workers):
    assert [worker["host"] for worker in workers] == ["n1", "n2"]
    assert [worker["task"] for worker in workers] == [
        {"type": "worker", "index": 0},
        {"type": "worker", "index": 1},
    ]


def test_the_cluster_is_the_nodes_that_slurm_gave(workers):
    addresses = workers[0]["cluster"]["worker"]
    assert [address.partition(":")[0] for address in addresses] == ["n1", "n2"]
    assert workers[1]["cluster"] == workers[0]["cluster"]


def test_they_train_one_model_together(workers):
    first, second = workers
    assert first["replicas"] == second["replicas"] == 2
    assert first["updates"] == second["updates"] > 0
    assert first["weights"] == second["weights"]


def test_the_choice_is_said(slurm):
    log = (slurm["folder"] / "plain/srun.log").read_text(errors="replace")
    assert "strategy multiworker (Slurm has 2 workers), worker 1 of 2 workers by Slurm" in log
