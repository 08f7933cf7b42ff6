"""Plans beside what others have published of trainings that nobody can repeat here."""

import pytest

from tftrain import planning

# Narayanan et al., 2021, table 1: A100 of 80 GB, 8 a host, 200 Gbit/s each; TFLOP/s of a device.
# layers, width, heads, tensor, stages, devices, batch, TFLOP/s
MEGATRON = {
    "1.7e9": (24, 2304, 24, 1, 1, 32, 512, 137),
    "3.6e9": (30, 3072, 32, 2, 1, 64, 512, 138),
    "7.5e9": (36, 4096, 32, 4, 1, 128, 512, 142),
    "1.8e10": (40, 6144, 48, 8, 1, 256, 1024, 135),
    "3.9e10": (48, 8192, 64, 8, 2, 512, 1536, 138),
    "7.6e10": (60, 10240, 80, 8, 4, 1024, 1792, 140),
    "1.5e11": (80, 12288, 96, 8, 8, 1536, 2304, 148),
    "3.1e11": (96, 16384, 128, 8, 16, 1920, 2160, 155),
    "5.3e11": (105, 20480, 128, 8, 35, 2520, 2520, 163),
    "1e12": (128, 25600, 160, 8, 64, 3072, 3072, 163),
}


@pytest.mark.parametrize("row", MEGATRON.values(), ids=MEGATRON)
def test_throughput_is_near_that_of_megatron(row):
    """Their stages are interleaved, which plans do not know, so that large models are slower."""
    layers, width, heads, tensor, stages, devices, batch, rate = row
    model = planning.profile(f"transformer:layers={layers},width={width},heads={heads}")
    machine = planning.Machine.of(
        "a100-80", devices=devices, bandwidth="200Gbit/s", per_host=8, precision="half_with_master"
    )
    training = planning.Training(batch, precision="half_with_master", remat="full")
    data = devices // tensor // stages
    best = planning.plan(
        model,
        machine,
        training,
        allowed=lambda split: (split.data, split.tensor, split.stages) == (data, tensor, stages),
    ).best
    # Their section 5.1: operations of an example, those of the forward pass twice.
    once = 1 + 2048 / 6 / width + 51200 / 16 / layers / width
    published = rate * 1e12 * devices / (96 * 2048 * layers * width**2 * once)
    assert 0.8 <= best.examples_per_second / published <= 1.0
