"""What a `.tflite` file does not say by itself, noted in its metadata.

LiteRT knows inputs and outputs by names only, in an order of its own. In which lists or dicts the
model took and gave them is noted beside the file's other metadata, where every other reader of
such files passes it over.
"""

from __future__ import annotations

import json
from typing import Any

from tftrain.litert import file_format

_NAME = b"tftrain"


def written(content: bytes, notes: dict[str, Any]) -> bytes:
    """The file with notes added.

    Args:
        content: Of a `.tflite` file.
        notes: What JSON can hold.
    """
    model, schema = file_format.unpacked(content), file_format.schema()
    buffer, metadata = schema.BufferT(), schema.MetadataT()
    buffer.data = list(json.dumps(notes).encode())
    metadata.name, metadata.buffer = _NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), metadata]
    return file_format.packed(model)


def read(content: bytes) -> dict[str, Any]:
    """The notes in a file; none if it has none.

    Raises:
        Exception: It is no such file, or is cut short.
    """
    model = file_format.schema().Model.GetRootAs(content, 0)
    for position in range(model.MetadataLength()):
        entry = model.Metadata(position)
        if entry.Name() == _NAME:
            buffer = model.Buffers(entry.Buffer())
            return json.loads(bytes(buffer.DataAsNumpy()))
    return {}


def end(content: bytes) -> int:
    """Where the last of the file's buffers ends: beyond the content if that was cut short."""
    model = file_format.schema().Model.GetRootAs(content, 0)
    ends = [0]
    for position in range(model.BuffersLength()):
        buffer = model.Buffers(position)
        start = buffer._tab.Offset(4)
        if start:
            ends.append(buffer._tab.Vector(start) + buffer.DataLength())
    return max(ends)
