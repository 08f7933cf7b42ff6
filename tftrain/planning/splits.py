"""Every way to share a training among devices."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

from tftrain.planning.machines import Machine
from tftrain.planning.profiles import ModelProfile
from tftrain.planning.step_time import Split
from tftrain.planning.trainings import Training


def splits(profile: ModelProfile, machine: Machine, training: Training) -> Iterator[Split]:
    """Every way to share a training, whether it fits or not."""
    with_work = sum(layer.flops > 0 for layer in profile.layers)
    for devices in _counts(machine.devices):
        for tensor in _divisors(devices):
            if tensor > 1 and not any(layer.is_split(tensor) for layer in profile.layers):
                continue
            for stages in _divisors(devices // tensor):
                data = devices // tensor // stages
                if stages > max(1, with_work) or data > training.batch:
                    continue
                for micro_batches in _micro_batches(training, data, stages):
                    yield Split(data, tensor, stages, micro_batches)


def _counts(devices: int) -> list[int]:
    """All of the devices, and numbers of fewer that share work evenly."""
    powers = {2**power for power in range(devices.bit_length())}
    return sorted({*_divisors(devices), *powers}, reverse=True)


@functools.cache
def _divisors(number: int) -> tuple[int, ...]:
    small = [each for each in range(1, math.isqrt(number) + 1) if number % each == 0]
    return tuple(sorted({*small, *(number // each for each in small)}))


def _micro_batches(training: Training, data: int, stages: int) -> Iterator[int]:
    most = training.batch // data
    if stages == 1 and training.accumulation is not None:
        yield from [training.accumulation] if training.accumulation <= most else []
        return
    count = 1
    while count < most:
        yield count
        count *= 2
    yield most
