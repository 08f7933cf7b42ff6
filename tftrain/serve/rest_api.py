"""TensorFlow Serving's REST API over a core: bodies in, bodies out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import orjson

from tftrain.errors import ServingError
from tftrain.serve.core import Core
from tftrain.serve.json_answers import classifications, predictions, regressions
from tftrain.serve.json_examples import examples
from tftrain.serve.json_requests import signature_name, tensors
from tftrain.serve.json_text import invalid, parse
from tftrain.serve.rest_paths import Call
from tftrain.serve.terms import Target

Result = TypeVar("Result")
Read = Callable[[], Awaitable[bytes]]

_LONG = 64 * 1024  # bytes of JSON that take about a millisecond, and more go to a thread
_INDENTED = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class RestApi:
    """The five methods, by their names.

    Requests that reach the core are counted there; those refused before, and looks at a model's
    state, are counted here.

    Args:
        core: Who answers.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._methods: dict[str, Callable[[Call, Read], Awaitable[bytes]]] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
            "status": self._status,
            "metadata": self._metadata,
        }

    async def answer(self, call: Call, read: Read) -> bytes:
        """The JSON that answers a request.

        Args:
            call: What is asked for.
            read: Gives the request's body.

        Raises:
            ServingError: With TF Serving's code and text.
        """
        return await self._methods[call.method](call, read)

    async def _predict(self, call: Call, read: Read) -> bytes:
        with self._counted(call, ends=False):
            document, target, size = await self._document(call, read)
            asked = await _apart(size, tensors, document, self._dtypes(target))
        answer = await self._core.predict(target, asked.inputs)
        size = sum(array.nbytes for array in answer.outputs.values())
        return await _apart(size, predictions, answer.outputs, asked.rows)

    async def _classify(self, call: Call, read: Read) -> bytes:
        target, serialized = await self._examples(call, read)
        outputs = (await self._core.classify(target, serialized)).outputs
        return classifications(outputs.get("classes"), outputs.get("scores"))

    async def _regress(self, call: Call, read: Read) -> bytes:
        target, serialized = await self._examples(call, read)
        return regressions((await self._core.regress(target, serialized)).outputs["outputs"])

    async def _examples(self, call: Call, read: Read) -> tuple[Target, list[bytes]]:
        with self._counted(call, ends=False):
            document, target, size = await self._document(call, read)
            return target, await _apart(size, examples, document)

    async def _document(self, call: Call, read: Read) -> tuple[dict[str, Any], Target, int]:
        body = await read()
        document = await _apart(len(body), parse, body)
        target = dataclasses.replace(call.target, signature=signature_name(document))
        return document, target, len(body)

    async def _status(self, call: Call, _: Read) -> bytes:
        with self._counted(call, ends=True):
            known = self._core.statuses(call.target)
        statuses = [
            {
                "version": str(status.version),
                "state": status.state,
                "status": {
                    "error_code": status.error_code,
                    "error_message": status.error_message,
                },
            }
            for status in known
        ]
        return orjson.dumps({"model_version_status": statuses}, option=_INDENTED)

    async def _metadata(self, call: Call, _: Read) -> bytes:
        with self._counted(call, ends=True):
            version, signatures = self._core.signatures(call.target)
        described = {name: _described(signature) for name, signature in signatures.items()}
        document = {
            "model_spec": {"name": call.target.name, "signature_name": "", "version": str(version)},
            "metadata": {"signature_def": {"signature_def": described}},
        }
        return orjson.dumps(document, option=_INDENTED)

    @contextlib.contextmanager
    def _counted(self, call: Call, ends: bool) -> Iterator[None]:
        """Counts a refusal in the block, and its success too if the request ends with it."""
        started, code = time.monotonic(), "OK"
        try:
            yield
        except ServingError as error:
            code = error.code
            raise
        finally:
            if ends or code != "OK":
                seconds = time.monotonic() - started
                self._core.metrics.request(call.target.name, call.method, code, seconds)

    def _dtypes(self, target: Target) -> dict[str, str]:
        _, signatures = self._core.signatures(target)
        name = target.signature_name
        if name not in signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        inputs = signatures[name].inputs
        if not inputs:
            shown = target.signature or "DEFAULT"
            raise invalid(f"Failed to get input map for signature: {shown}")
        return {name: _dtype(info.dtype) for name, info in inputs.items()}


def _dtype(number: int) -> str:
    """The name by which TensorFlow's C++ calls a DataType: "float", "int32", "string"."""
    from tensorflow.core.framework import types_pb2

    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()


def _described(signature: Any) -> dict[str, Any]:
    from google.protobuf import json_format

    return json_format.MessageToDict(
        signature, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


async def _apart(size: int, work: Callable[..., Result], *arguments: Any) -> Result:
    """Does it at once, or in a thread if it would hold up other requests."""
    if size <= _LONG:
        return work(*arguments)
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
