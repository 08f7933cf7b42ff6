import json

import pytest

from tftrain.distribute import makers
from tftrain.distribute.strategies import strategy
from tftrain.errors import ConfigError, StrategyError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stages": 1}, "stages=1: expected 2 or more"),
        ({"micro_batches": 0}, "micro_batches=0: expected 1 or more"),
        ({"schedule": "2f2b"}, "schedule='2f2b': expected '1f1b' or 'gpipe'"),
        ({"cut": "dense"}, "cut='dense': expected names of layers"),
        ({"cut": []}, "cut=[]: expected names of layers"),
        ({"cut": ["b"], "stages": 3}, "1 cut make 2 stages; leave stages out"),
    ],
)
def test_impossible_options(options, said):
    with pytest.raises(ConfigError) as caught:
        strategy("pipeline", **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("option", [{"stages": 2}, {"cut": ["b"]}, {"schedule": "gpipe"}])
def test_options_of_pipelines_are_refused_elsewhere(option):
    with pytest.raises(ConfigError, match="expected only with 'pipeline'"):
        strategy("mirrored", **option)


def test_a_worker_of_a_cluster_is_refused(monkeypatch):
    workers = {"worker": ["localhost:1", "localhost:2"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": workers, "task": task}))
    with pytest.raises(StrategyError, match="TF_CONFIG has 2: start it alone"):
        makers.MAKERS["pipeline"](None, {})
