"""How requests are joined: what the user wishes, and what a base's `batching.config` says."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

from tftrain.errors import BadInput

FILE = "batching.config"


@dataclasses.dataclass(frozen=True)
class Batching:
    """How requests are joined; what is None is left to `batching.config`, then to `DEFAULTS`.

    Attributes:
        max_batch_size: Rows of a joined batch. A request with more runs by itself.
        timeout_micros: How long a request waits for others while a thread is idle; None for no
            longer than those who were just answered are likely to come back. While all threads are
            busy, requests gather by themselves.
        allowed_batch_sizes: Growing sizes that batches are padded to, the last of them
            `max_batch_size`; () for no padding.
        max_enqueued_batches: As many may wait; more are refused.
        threads: Batches that run at a time.

    Raises:
        BadInput: Sizes that contradict each other.
    """

    max_batch_size: int | None = None
    timeout_micros: int | None = None
    allowed_batch_sizes: tuple[int, ...] | None = None
    max_enqueued_batches: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} is {value}; expected 1 or more")
        if self.timeout_micros is not None and self.timeout_micros < 0:
            raise BadInput(f"timeout_micros is {self.timeout_micros}; expected 0 or more")
        sizes, most = self.allowed_batch_sizes, self.max_batch_size
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1):
            raise BadInput(f"allowed_batch_sizes are {list(sizes)}; expected growing sizes")
        if sizes and most is not None and sizes[-1] != most:
            raise BadInput(
                f"the last of allowed_batch_sizes is {sizes[-1]}; expected max_batch_size, {most}"
            )

    def or_else(self, other: Batching) -> Batching:
        """This, and where it says nothing, the other."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        if "max_batch_size" in said and "allowed_batch_sizes" not in said:
            said["allowed_batch_sizes"] = ()  # the other's end at another size
        return dataclasses.replace(other, **said)


DEFAULTS = Batching(
    max_batch_size=32,
    allowed_batch_sizes=(),
    max_enqueued_batches=100,
)


def read(base: Path) -> Batching:
    """What `base/batching.config` says; nothing if there is no such file.

    Raises:
        BadInput: It is no text of TF Serving's BatchingParameters.
    """
    from google.protobuf import text_format

    path = base / FILE
    try:
        parsed = text_format.Parse(path.read_text(), _message()())
    except FileNotFoundError:
        return Batching()
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise BadInput(f"{path} is not a batching configuration of TF Serving: {error}") from error
    try:
        return Batching(
            max_batch_size=_value(parsed, "max_batch_size"),
            timeout_micros=_value(parsed, "batch_timeout_micros"),
            allowed_batch_sizes=tuple(parsed.allowed_batch_sizes) or None,
            max_enqueued_batches=_value(parsed, "max_enqueued_batches"),
            threads=_value(parsed, "num_batch_threads"),
        )
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _value(parsed: Any, name: str) -> int | None:
    return getattr(parsed, name).value if parsed.HasField(name) else None


@functools.cache
def _message() -> type:
    """TF Serving's BatchingParameters, which its package of stubs leaves out."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="tftrain/batching.proto",
        package="tftrain",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    message = file.message_type.add(name="BatchingParameters")
    wrapped = (
        ("max_batch_size", "Int64"), ("batch_timeout_micros", "Int64"),
        ("max_enqueued_batches", "Int64"), ("num_batch_threads", "Int64"),
        ("thread_pool_name", "String"),
    )  # fmt: skip
    for number, (name, kind) in enumerate(wrapped, 1):
        message.field.add(
            name=name, number=number, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_MESSAGE,
            type_name=f".google.protobuf.{kind}Value",
        )  # fmt: skip
    message.field.add(
        name="allowed_batch_sizes", number=6, label=kinds.LABEL_REPEATED, type=kinds.TYPE_INT64
    )
    message.field.add(
        name="pad_variable_length_inputs", number=7, label=kinds.LABEL_OPTIONAL,
        type=kinds.TYPE_BOOL,
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tftrain.BatchingParameters"))
