"""The parameters of a server's batching, as TensorFlow Serving's file has them.

The message, `BatchingParameters` of session_bundle_config.proto, is part of the server's source,
but not of the package tensorflow-serving-api: so its fields are declared here.
"""

from __future__ import annotations

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

from tftrain.errors import ExportError

_INT64 = f".{wrappers_pb2.Int64Value.DESCRIPTOR.full_name}"
_TEXT = f".{wrappers_pb2.StringValue.DESCRIPTOR.full_name}"
_WRAPPED = {
    "max_batch_size": (1, _INT64),
    "batch_timeout_micros": (2, _INT64),
    "max_enqueued_batches": (3, _INT64),
    "num_batch_threads": (4, _INT64),
    "thread_pool_name": (5, _TEXT),
}


@functools.cache
def _message() -> Any:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="tftrain/batching_parameters.proto",
        package="tftrain",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    declared = file.message_type.add(name="BatchingParameters").field
    for name, (number, kind) in _WRAPPED.items():
        declared.add(
            name=name,
            number=number,
            type=field.TYPE_MESSAGE,
            type_name=kind,
            label=field.LABEL_OPTIONAL,
        )
    declared.add(
        name="allowed_batch_sizes", number=6, type=field.TYPE_INT64, label=field.LABEL_REPEATED
    )
    declared.add(
        name="pad_variable_length_inputs",
        number=7,
        type=field.TYPE_BOOL,
        label=field.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tftrain.BatchingParameters"))


def parsed(text: str) -> Any:
    """The message that a text holds.

    Raises:
        text_format.ParseError: It holds none.
    """
    return text_format.Parse(text, _message()())


def read(path: Path) -> Any:
    """The message that a file holds.

    Raises:
        ExportError: It holds none, or its sizes contradict one another.
    """
    try:
        found = parsed(path.read_text(encoding="utf-8"))
    except (text_format.ParseError, OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{path} is no batching file: {error}; mend or remove it") from error
    allowed = list(found.allowed_batch_sizes)
    if allowed and (allowed != sorted(set(allowed)) or allowed[-1] != found.max_batch_size.value):
        raise ExportError(
            f"{path} allows batches of {allowed}; expected increasing sizes of which the last is "
            f"max_batch_size, {found.max_batch_size.value}"
        )
    return found
