import json

import pytest

from tests.launched_job import JOBS, reported
from tftrain.distribute import strategies, tpu
from tftrain.distribute.clusters import Cluster
from tftrain.distribute.strategies import strategy
from tftrain.errors import ConfigError, StrategyError, UnknownName

NO_OPTIONS = {"devices": None, "sync_every": None}


@pytest.fixture(scope="module")
def one_machine():
    return reported(JOBS / "one_machine.py")


def test_mirrored_over_logical_cpus(one_machine):
    assert one_machine["replicas"] == 2
    assert "strategy mirrored (as asked), 2 replicas" in one_machine["stderr"]


def test_asked_again_it_is_the_same_strategy(one_machine):
    assert one_machine["same again"] is True


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("other number", "after TensorFlow had run an operation"),
        ("too late", "call tftrain.distribute.strategy(...) before"),
        ("no cluster", "TF_CONFIG is unset"),
        ("model", "was made outside the scope"),
        ("layer", "of the model was made outside the scope"),
        ("optimizer", "of the optimizer was made outside the scope"),
        ("fit", "fit: model 'sequential' was made outside the scope"),
        ("inside", "nothing"),
        ("fit on purpose", "nothing"),
        ("fit again", "fit: model 'sequential' was made outside the scope"),
    ],
)
def test_errors_of_one_machine(one_machine, case, expected):
    assert expected in one_machine[case]


def test_unknown_name_lists_the_known():
    with pytest.raises(UnknownName, match=r"did you mean 'mirrored'.*Known: auto, mirrored"):
        strategy("miror")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("multiworker", {"devices": 2}, "devices=2 with strategy 'multiworker'"),
        ("one", {"devices": 2}, "devices=2 with strategy 'one'"),
        ("mirrored", {"devices": 0}, "devices=0"),
        ("mirrored", {"sync_every": 4}, "sync_every=4 with strategy 'mirrored'"),
        ("multiworker", {"sync_every": 0}, "sync_every=0"),
    ],
)
def test_contradicting_arguments(name, options, said):
    with pytest.raises(ConfigError) as caught:
        strategy(name, **options)
    assert said in str(caught.value)


def test_devices_in_a_cluster_are_refused_under_auto(monkeypatch):
    cluster = Cluster(("a:1", "b:1"))
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster.tf_config()))
    with pytest.raises(ConfigError, match="devices=2 with strategy 'multiworker'"):
        strategy("auto", devices=2)


def test_bad_start_timeout_is_named(monkeypatch):
    monkeypatch.setenv("TFTRAIN_START_TIMEOUT", "soon")
    with pytest.raises(ConfigError, match="TFTRAIN_START_TIMEOUT is 'soon'"):
        strategy("mirrored", devices=7)


def test_auto_takes_servers_first_then_workers():
    servers = Cluster(("a:1",), ps=("b:1",), chief="c:1")
    workers = Cluster(("a:1", "b:1"))
    assert strategies._choose((servers, "Slurm"), NO_OPTIONS)[0] == "ps"
    name, reason = strategies._choose((workers, "Slurm"), NO_OPTIONS)
    assert (name, reason) == ("multiworker", "Slurm has 2 workers")


def test_auto_with_devices_is_mirrored():
    assert strategies._choose(None, {**NO_OPTIONS, "devices": 2})[0] == "mirrored"


def test_auto_without_anything_is_one_device():
    assert strategies._choose(None, NO_OPTIONS)[0] == "one"


def test_auto_with_a_tpu_name_is_tpu(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "mine")
    assert strategies._choose(None, NO_OPTIONS) == ("tpu", "TPU_NAME is set")


def test_local_sgd_needs_a_cluster():
    with pytest.raises(StrategyError, match="sync_every=4 needs several workers"):
        strategies._choose(None, {**NO_OPTIONS, "sync_every": 4})


def test_no_tpu_is_said_at_once():
    with pytest.raises(StrategyError, match=r"no usable TPU at 'local'.*use strategy 'auto'"):
        tpu.strategy()


def test_a_resolver_that_finds_no_tpu(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "gone")

    def find(address):
        raise ValueError(f"Could not find {address}\nwith a second line")

    with pytest.raises(StrategyError, match=r"at 'gone' \(ValueError: Could not find gone\)"):
        tpu.strategy(find)
