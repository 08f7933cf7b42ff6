"""What a training runs on: devices, their memory and speed, the links between them."""

from __future__ import annotations

import dataclasses

from tftrain import quantities
from tftrain.errors import BadInput, ConfigError, UnknownName
from tftrain.planning.trainings import PRECISIONS

# Attributes of a machine: those of which None is a value too, and those that add to others.
_RATES = ("convolution_flops", "memory_bandwidth", "update_rate", "exchange_rate")
_ADDED = ("step_overhead", "layer_overhead", "update_scratch", "exchange_copies", "reserved")


@dataclasses.dataclass(frozen=True)
class Link:
    """A connection of one device to its peers.

    Attributes:
        bandwidth: Bytes a second in each direction.
        latency: Seconds until the first byte arrives.
    """

    bandwidth: float
    latency: float = 0.0

    def __post_init__(self) -> None:
        problems = [*_not_positive(self, "bandwidth"), *_negative(self, "latency")]
        if problems:
            raise ConfigError([f"of a link, {each}" for each in problems])


@dataclasses.dataclass(frozen=True)
class Device:
    """What a device of a kind has, by its data sheet.

    Attributes:
        memory: Bytes.
        flops: Operations a second of the precision that training takes by `precision`.
        memory_bandwidth: Bytes a second between its memory and its units.
        link: Bytes a second to its neighbours in the host, in each direction.
        attained: Share of those operations that products of matrices attain in trainings.
    """

    memory: float
    flops: dict[str, float]
    memory_bandwidth: float
    link: float
    attained: float = 0.4


_A100 = 0.55  # by what is published of trainings; see docs/design/planner.md
_GIB = 2.0**30
# From the makers' data sheets: dense operations, not those of sparse matrices. TensorFlow
# multiplies float32 matrices in TensorFloat-32 where the GPU can (A100 and later). Of float32 the
# sheets of TPUs say nothing: about a quarter of bfloat16.
DEVICES = {
    "v100-16": Device(16 * _GIB, {"half": 125e12, "float32": 15.7e12}, 900e9, 150e9),
    "v100-32": Device(32 * _GIB, {"half": 125e12, "float32": 15.7e12}, 900e9, 150e9),
    "t4": Device(16 * _GIB, {"half": 65e12, "float32": 8.1e12}, 320e9, 16e9),
    "a100-40": Device(40 * _GIB, {"half": 312e12, "float32": 156e12}, 1555e9, 300e9, _A100),
    "a100-80": Device(80 * _GIB, {"half": 312e12, "float32": 156e12}, 2039e9, 300e9, _A100),
    "h100-80": Device(80 * _GIB, {"half": 989e12, "float32": 494e12}, 3350e9, 450e9),
    "tpu-v3": Device(16 * _GIB, {"half": 61.5e12, "float32": 15e12}, 450e9, 82e9),
    "tpu-v4": Device(32 * _GIB, {"half": 275e12, "float32": 69e12}, 1228e9, 150e9),
}


@dataclasses.dataclass(frozen=True)
class Machine:
    """Devices that are alike, and what joins them.

    Attributes:
        devices: How many there are.
        memory: Bytes of each.
        flops: Operations a second that each attains in products of matrices.
        convolution_flops: Those it attains in convolutions; None: as many.
        memory_bandwidth: Bytes a second that operations on single numbers move; None: they take
            no time.
        update_rate: Bytes a second of weights, gradients and slots that an optimizer goes through;
            None: `memory_bandwidth`.
        link: Between devices of different hosts.
        inner: Between devices of one host; None: `link`.
        per_host: Devices of a host.
        step_overhead: Seconds of each step that nothing shortens.
        layer_overhead: Seconds of each layer and micro-batch.
        exchange_rate: Bytes a second at which processors pass on what they exchange, besides the
            link; None: they keep up with it.
        update_scratch: Size of what an optimizer writes down on the way, by the largest variable.
        exchange_copies: Copies of the gradients that are held while they are exchanged.
        reserved: Bytes of each device that are taken before the model comes.
        kind: Of `DEVICES`, the one whose rate this is; empty where it is none of them.
    """

    devices: int
    memory: float
    flops: float
    link: Link
    convolution_flops: float | None = None
    memory_bandwidth: float | None = None
    update_rate: float | None = None
    inner: Link | None = None
    per_host: int = 1
    step_overhead: float = 0.0
    layer_overhead: float = 0.0
    exchange_rate: float | None = None
    update_scratch: float = 0.0
    exchange_copies: float = 0.0
    reserved: float = 0.0
    kind: str = ""

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; expected 1 or more"
            for name in ("devices", "per_host")
            if getattr(self, name) < 1
        ]
        problems += _not_positive(self, "memory", "flops", *_RATES)
        problems += _negative(self, *_ADDED)
        if problems:
            raise ConfigError(problems)

    def link_of(self, reach: int) -> Link:
        """The link that a group uses whose members are among `reach` neighbouring devices."""
        inside = self.inner is not None and reach <= self.per_host
        return self.inner if inside else self.link

    @classmethod
    def of(
        cls,
        device: str,
        *,
        devices: int,
        bandwidth: str | float,
        latency: str | float = 0.0,
        per_host: int = 1,
        precision: str = "float32",
        efficiency: float | None = None,
    ) -> Machine:
        """A machine of devices of a known kind.

        Args:
            device: One of `DEVICES`.
            devices: How many.
            bandwidth: Of the link between hosts, a device: `100Gbit/s`.
            latency: Of that link: `5us`.
            per_host: Devices of a host, joined by the link of the data sheet.
            precision: A key of `PRECISIONS`; all but `float32` compute in 16 bits.
            efficiency: Share of the data sheet's operations that is attained, above 0 to 1; None
                for what is known of the device.

        Raises:
            UnknownName: There is no such device, or no such precision.
            BadInput: A number has no unit, a wrong one, or is out of range.

        Example:
            >>> machine = Machine.of("a100-80", devices=16, bandwidth="200Gbit/s", per_host=8)
            >>> machine.link_of(8).bandwidth, machine.link_of(16).bandwidth
            (300000000000.0, 25000000000.0)
        """
        if device not in DEVICES:
            raise UnknownName("device", device, DEVICES)
        if precision not in PRECISIONS:
            raise UnknownName("precision", precision, PRECISIONS)
        known = DEVICES[device]
        efficiency = known.attained if efficiency is None else efficiency
        if not 0 < efficiency <= 1:
            raise BadInput(f"efficiency is {efficiency}; expected above 0, at most 1")
        kind = "float32" if precision == "float32" else "half"
        return cls(
            devices,
            known.memory,
            efficiency * known.flops[kind],
            Link(quantities.rate(bandwidth), quantities.seconds(latency)),
            memory_bandwidth=known.memory_bandwidth,
            inner=Link(known.link, min(quantities.seconds(latency), 2e-6)),
            per_host=per_host,
            kind=device,
        )


def _not_positive(of: Link | Machine, *names: str) -> list[str]:
    given = {name: getattr(of, name) for name in names}
    return [
        f"{name} is {value}; expected more than 0"
        for name, value in given.items()
        if value is not None and not value > 0
    ]


def _negative(of: Link | Machine, *names: str) -> list[str]:
    given = {name: getattr(of, name) for name in names}
    return [f"{n} is {value}; expected 0 or more" for n, value in given.items() if not value >= 0]
