import os

import pytest

from tests import launched_job
from tftrain.distribute import runtime
from tftrain.errors import StrategyError
from tftrain.keras_api import tf


@pytest.fixture
def two_gpus(monkeypatch):
    present = {"GPU": ["first", "second"]}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: present.get(kind, []))


@pytest.mark.usefixtures("two_gpus")
def test_gpus_go_before_cpus():
    names = runtime.take_devices(2, "pipeline", "stages=2", ("TPU", "GPU"))
    assert names == ["GPU:0", "GPU:1"]


@pytest.mark.usefixtures("two_gpus")
def test_more_devices_than_gpus():
    with pytest.raises(StrategyError) as caught:
        runtime.take_devices(3, "pipeline", "stages=3")
    assert (
        str(caught.value) == "stages=3 takes 3 devices, and 2 GPUs can be seen: ask for 2 at most"
    )


def test_more_devices_than_cores_are_told():
    count = len(os.sched_getaffinity(0)) + 1
    take = f"from tftrain.distribute.runtime import take_devices; take_devices({count}, 'x', 'y')"
    told = launched_job.run(["-c", take]).output
    assert f"tftrain: {count} devices share {count - 1} CPU core" in told
    take = take.replace(str(count), str(count - 1))
    assert "devices share" not in launched_job.run(["-c", take]).output
