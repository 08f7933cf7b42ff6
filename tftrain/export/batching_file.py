"""How a server joins requests, and TensorFlow Serving's file that says it.

The file's message, `BatchingParameters` of session_bundle_config.proto, is part of the server's
source, but not of the package tensorflow-serving-api: so its fields are declared here.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from tftrain.errors import BadInput, ExportError

FILE = "batching.config"

_WRAPPED = {
    "max_batch_size": "Int64Value",
    "batch_timeout_micros": "Int64Value",
    "max_enqueued_batches": "Int64Value",
    "num_batch_threads": "Int64Value",
    "thread_pool_name": "StringValue",
}


@dataclasses.dataclass(frozen=True)
class Batching:
    """How requests are joined; what is None is left to others.

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
        if sizes and sizes[-1] != most:
            raise BadInput(
                f"the last of allowed_batch_sizes is {sizes[-1]}; expected max_batch_size, {most}"
            )

    def or_else(self, other: Batching) -> Batching:
        """This, and where it says nothing, the other."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        if "max_batch_size" in said and "allowed_batch_sizes" not in said:
            said["allowed_batch_sizes"] = ()  # the other's end at another size
        return dataclasses.replace(other, **said)


def read(base: Path) -> Batching:
    """What `base/batching.config` says; nothing if there is no such file.

    Raises:
        ExportError: It is no text of BatchingParameters, or its sizes contradict one another.
    """
    path = base / FILE
    try:
        return parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Batching()
    except (BadInput, text_format.ParseError, OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{path} is no batching file: {error}; mend or remove it") from error


def parsed(text: str) -> Batching:
    """What a text of BatchingParameters says.

    Raises:
        BadInput: Its sizes contradict one another.
        text_format.ParseError: It is none.
    """
    found = text_format.Parse(text, _message()())

    def value(name: str) -> int | None:
        return getattr(found, name).value if found.HasField(name) else None

    return Batching(
        max_batch_size=value("max_batch_size"),
        timeout_micros=value("batch_timeout_micros"),
        allowed_batch_sizes=tuple(found.allowed_batch_sizes) or None,
        max_enqueued_batches=value("max_enqueued_batches"),
        threads=value("num_batch_threads"),
    )


@functools.cache
def _message() -> Any:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="tftrain/batching_parameters.proto",
        package="tftrain",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    fields = file.message_type.add(name="BatchingParameters").field
    for number, (name, kind) in enumerate(_WRAPPED.items(), 1):
        fields.add(
            name=name, number=number, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_MESSAGE,
            type_name=f".google.protobuf.{kind}",
        )  # fmt: skip
    fields.add(
        name="allowed_batch_sizes", number=6, label=kinds.LABEL_REPEATED, type=kinds.TYPE_INT64
    )
    fields.add(
        name="pad_variable_length_inputs", number=7, label=kinds.LABEL_OPTIONAL,
        type=kinds.TYPE_BOOL,
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tftrain.BatchingParameters"))
