"""Requests about the models themselves, and their answers, as messages."""

from __future__ import annotations

from typing import Any

from tftrain.errors import ServingError
from tftrain.serve.checks import INVALID
from tftrain.serve.core import Core
from tftrain.serve.grpc_predictions import target_of
from tftrain.serve.stubs import (
    error_codes_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
)
from tftrain.serve.terms import Target

_FIELD = "signature_def"


async def metadata(core: Core, request: Any) -> Any:
    """A GetModelMetadataRequest's GetModelMetadataResponse: all signatures of a version."""
    target = _target(request)
    if not request.metadata_field:
        raise ServingError(
            INVALID, "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in request.metadata_field:
        if field != _FIELD:
            raise ServingError(INVALID, f"Metadata field {field} is not supported")
    number, signatures = core.signatures(target)
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in signatures.items():
        found.signature_def[name].CopyFrom(signature)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = target.name
    response.model_spec.version.value = number
    response.metadata[_FIELD].Pack(found)
    return response


async def status(core: Core, request: Any) -> Any:
    """A GetModelStatusRequest's GetModelStatusResponse."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for found in core.statuses(_target(request)):
        listed = response.model_version_status.add(version=found.version)
        listed.state = get_model_status_pb2.ModelVersionStatus.State.Value(found.state)
        listed.status.error_code = error_codes_pb2.Code.Value(found.error_code)
        listed.status.error_message = found.error_message
    return response


async def reload(core: Core, request: Any) -> Any:
    """A ReloadConfigRequest's ReloadConfigResponse, once the models are there."""
    await core.reload(request.config)
    response = model_management_pb2.ReloadConfigResponse()
    response.status.error_code = error_codes_pb2.Code.Value("OK")
    return response


def _target(request: Any) -> Target:
    if not request.HasField("model_spec"):
        raise ServingError(INVALID, "Missing ModelSpec")
    return target_of(request.model_spec)
