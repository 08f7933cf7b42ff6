"""What each device of a mesh holds of a model, measured from the shards it has."""

from __future__ import annotations

import dataclasses
from typing import Any

from tftrain.distribute.tensor_parallel import mesh_shapes
from tftrain.text_tables import aligned


@dataclasses.dataclass(frozen=True)
class VariableBytes:
    """One variable of a model, or of its optimizer.

    Attributes:
        path: Its path.
        axes: What each dimension is cut over, "" where it is not.
        total: Bytes of the whole value.
        devices: Bytes on each device, in the mesh's order.
    """

    path: str
    axes: tuple[str, ...]
    total: int
    devices: tuple[int, ...]

    @property
    def is_cut(self) -> bool:
        """Whether devices hold parts of it."""
        return any(self.axes)


@dataclasses.dataclass(frozen=True)
class MemoryTable:
    """Bytes of all variables; as text a table of them.

    Attributes:
        mesh: Sizes of the mesh's axes, by name.
        rows: The variables.
    """

    mesh: dict[str, int]
    rows: tuple[VariableBytes, ...]

    @property
    def cut(self) -> int:
        """Bytes of the variables that are cut, as one device would hold them."""
        return sum(row.total for row in self.rows if row.is_cut)

    @property
    def total(self) -> int:
        """Bytes of all variables, as one device would hold them."""
        return sum(row.total for row in self.rows)

    @property
    def cut_per_device(self) -> list[int]:
        """Bytes each device holds of the variables that are cut."""
        return _sums([row.devices for row in self.rows if row.is_cut], self._devices)

    @property
    def per_device(self) -> list[int]:
        """Bytes each device holds of all variables."""
        return _sums([row.devices for row in self.rows], self._devices)

    @property
    def largest_share(self) -> float:
        """The largest share of the cut bytes that a device holds; 1 if nothing is cut."""
        return max(self.cut_per_device) / self.cut if self.cut else 1.0

    @property
    def _devices(self) -> int:
        return mesh_shapes.devices(self.mesh)

    def line(self) -> str:
        """The measurement in a line."""
        cut = (
            f"of the {self.cut:,} that are cut, {self.largest_share:.1%}"
            if self.cut
            else "none cut"
        )
        return (
            f"mesh {mesh_shapes.shown(self.mesh)}: each device holds {max(self.per_device):,} of "
            f"{self.total:,} bytes, optimizer included; {cut}"
        )

    def __str__(self) -> str:
        named = [
            (row.path, _shown(row), f"{row.total:,}", f"{max(row.devices):,}") for row in self.rows
        ]
        heading = ("variable", "cut over", "bytes", "bytes a device")
        total = ("all", "", f"{self.total:,}", f"{max(self.per_device):,}")
        return aligned([heading, *named, total], left=2)


def measured(model: Any, strategy: Any) -> MemoryTable:
    """Measures a built model; its optimizer too, if that is built."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *getattr(optimizer, "variables", [])]
    unique = {id(variable): variable for variable in variables}
    return MemoryTable(dict(strategy.axes), tuple(map(_of, unique.values())))


def _of(variable: Any) -> VariableBytes:
    held = variable._value
    specs = held.layout.sharding_specs
    sizes = {name: held.layout.mesh.dim_size(name) for name in held.layout.mesh.dim_names}
    axes = tuple(spec if sizes.get(spec, 1) > 1 else "" for spec in specs)
    size = held.dtype.size * int(held.shape.num_elements())
    return VariableBytes(variable.path, axes, size, tuple(held.bytes_per_device()))


def _sums(rows: list[tuple[int, ...]], devices: int) -> list[int]:
    return [sum(row[place] for row in rows) for place in range(devices)]


def _shown(row: VariableBytes) -> str:
    return "x".join(axis or "-" for axis in row.axes) if row.is_cut else ""
