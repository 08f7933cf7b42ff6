import pytest

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
