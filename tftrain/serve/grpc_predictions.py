"""Requests of the PredictionService that run a model, and their answers, as messages."""

from __future__ import annotations

from typing import Any

from tftrain.serve import example_signatures, tensors
from tftrain.serve.core import Core
from tftrain.serve.stubs import (
    classification_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)
from tftrain.serve.terms import Answer, Target


def target_of(spec: Any) -> Target:
    """Whom a ModelSpec means."""
    choice = spec.WhichOneof("version_choice")
    return Target(
        name=spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
        signature=spec.signature_name,
    )


def spec_of(answer: Answer) -> Any:
    """Who answered, as a ModelSpec."""
    spec = model_pb2.ModelSpec(name=answer.name, signature_name=answer.signature)
    spec.version.value = answer.version
    return spec


async def predict(core: Core, request: Any) -> Any:
    """A PredictRequest's PredictResponse."""
    answer = await core.predict(
        target_of(request.model_spec),
        tensors.arrays_of(request.inputs),
        list(request.output_filter),
    )
    response = predict_pb2.PredictResponse(model_spec=spec_of(answer))
    for name, array in answer.outputs.items():
        response.outputs[name].CopyFrom(tensors.proto_of(array))
    return response


async def classify(core: Core, request: Any) -> Any:
    """A ClassificationRequest's ClassificationResponse."""
    examples = tensors.examples_of(request.input)
    answer = await core.classify(target_of(request.model_spec), examples)
    return classification_pb2.ClassificationResponse(
        model_spec=spec_of(answer), result=_classification(answer)
    )


async def regress(core: Core, request: Any) -> Any:
    """A RegressionRequest's RegressionResponse."""
    examples = tensors.examples_of(request.input)
    answer = await core.regress(target_of(request.model_spec), examples)
    return regression_pb2.RegressionResponse(model_spec=spec_of(answer), result=_regression(answer))


async def multi_inference(core: Core, request: Any) -> Any:
    """A MultiInferenceRequest's MultiInferenceResponse."""
    tasks = [(target_of(task.model_spec), task.method_name) for task in request.tasks]
    answers = await core.multi_inference(tasks, tensors.examples_of(request.input))
    response = inference_pb2.MultiInferenceResponse()
    for (_, method), answer in zip(tasks, answers, strict=True):
        result = response.results.add(model_spec=spec_of(answer))
        if method == example_signatures.CLASSIFY:
            result.classification_result.CopyFrom(_classification(answer))
        else:
            result.regression_result.CopyFrom(_regression(answer))
    return response


def _classification(answer: Answer) -> Any:
    outputs = {name: array.tolist() for name, array in answer.outputs.items()}
    result = classification_pb2.ClassificationResult()
    for row in zip(*outputs.values(), strict=True):
        classes = result.classifications.add().classes
        for values in zip(*row, strict=True):
            given = dict(zip(outputs, values, strict=True))
            classes.add(label=given.get("classes", b""), score=given.get("scores", 0.0))
    return result


def _regression(answer: Answer) -> Any:
    values = answer.outputs["outputs"].tolist()
    return regression_pb2.RegressionResult(
        regressions=[regression_pb2.Regression(value=value) for value in values]
    )
