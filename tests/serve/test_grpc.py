"""The gRPC protocol by the official stubs, over real sockets."""

import asyncio

import grpc
import numpy as np
import pytest

from tests.serve.conftest import run, until
from tests.serve.grpc_clients import Client, listening, predict_request, refusal
from tests.serve.sample_versions import CLASSIFY, LABELS, REGRESS, answer, example
from tftrain.errors import BadInput
from tftrain.keras_api import tf
from tftrain.serve import Batching, Limits
from tftrain.serve.grpc_front import GrpcFront
from tftrain.serve.stubs import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)

X = np.array([[1, 2], [3, 4]], np.float32)


def of_examples(kind, *examples, signature=""):
    request = kind()
    request.model_spec.name = "sample"
    request.model_spec.signature_name = signature
    for each in examples:
        request.input.example_list.examples.append(tf.train.Example.FromString(each))
    return request


def test_predict_says_who_answered_and_gives_values_in_their_field(base):
    async def work():
        async with listening(base) as (_, _, client):
            found = await client.predictions.Predict(predict_request(inputs=X))
            spec = found.model_spec
            assert (spec.name, spec.version.value) == ("sample", 1)
            assert spec.signature_name == "serving_default"
            outputs = found.outputs["outputs"]
            assert list(outputs.float_val) == answer(X, 1).ravel().tolist()
            np.testing.assert_array_equal(tf.make_ndarray(outputs), answer(X, 1))

    run(work())


def test_output_filter_version_and_label(base):
    (base / "models.config").write_text(
        'model_config_list { config { name: "sample" base_path: "/x" '
        'version_labels { key: "stable" value: 1 } } }'
    )

    async def work():
        async with listening(base) as (_, _, client):
            request = predict_request("two", a=X, b=X)
            request.output_filter.append("sum")
            assert list((await client.predictions.Predict(request)).outputs) == ["sum"]
            request.model_spec.version_label = "stable"
            assert (await client.predictions.Predict(request)).model_spec.version.value == 1
            request.model_spec.version.value = 3
            assert await refusal(client.predictions.Predict(request)) == (
                "NOT_FOUND", "Servable not found for request: Specific(sample, 3)"
            )  # fmt: skip

    run(work())


def test_strings(base):
    async def work():
        async with listening(base) as (_, _, client):
            request = predict_request("strings", inputs=np.array([b"Ab", b"\xff"], object))
            outputs = (await client.predictions.Predict(request)).outputs
            assert list(outputs["lower"].string_val) == [b"ab", b"\xff"]
            assert list(outputs["length"].int_val) == [2, 1]

    run(work())


def test_classify_regress_and_both_together(base):
    async def work():
        async with listening(base) as (_, _, client):
            rows = example(0, 0, 9), example(9, 0, 0)
            request = of_examples(
                classification_pb2.ClassificationRequest, *rows, signature="classify"
            )
            found = (await client.predictions.Classify(request)).result.classifications
            assert [len(row.classes) for row in found] == [3, 3]
            assert [row.classes[2].label.encode() for row in found] == [LABELS[2]] * 2
            assert found[0].classes[2].score > 0.99
            request = of_examples(regression_pb2.RegressionRequest, *rows, signature="regress")
            values = (await client.predictions.Regress(request)).result.regressions
            assert [value.value for value in values] == [109, 109]
            request = inference_pb2.MultiInferenceRequest(input=request.input)
            for method in (CLASSIFY, REGRESS):
                task = request.tasks.add(method_name=method)
                task.model_spec.name = "sample"
                task.model_spec.signature_name = method.rpartition("/")[2]
            assert (await refusal(client.predictions.MultiInference(request))) == (
                "INVALID_ARGUMENT", "Input tensor must be the same for all Signatures."
            )  # fmt: skip
            del request.tasks[0]
            results = (await client.predictions.MultiInference(request)).results
            assert results[0].regression_result.regressions[1].value == 109
            assert results[0].model_spec.version.value == 1

    run(work())


def test_examples_share_their_context(base):
    async def work():
        async with listening(base) as (_, _, client):
            request = of_examples(regression_pb2.RegressionRequest, signature="regress")
            listed = request.input.example_list_with_context
            listed.context.CopyFrom(tf.train.Example.FromString(example(1, 2, 3)))
            listed.examples.add()
            values = (await client.predictions.Regress(request)).result.regressions
            assert [value.value for value in values] == [106]

    run(work())


def test_what_goes_wrong_in_multi_inference(base):
    def request(*tasks):
        made = inference_pb2.MultiInferenceRequest()
        made.input.example_list.examples.add()
        for name, signature, method in tasks:
            task = made.tasks.add(method_name=method)
            task.model_spec.name, task.model_spec.signature_name = name, signature
        return made

    async def work():
        async with listening(base) as (_, _, client):
            for tasks, code, message in (
                ([], "INVALID_ARGUMENT", "ModelSpec has no name specified."),
                ([("sample", "regress", REGRESS), ("other", "regress", REGRESS)],
                 "INVALID_ARGUMENT", "must access the same model name."),
                ([("sample", "regress", REGRESS)] * 2,
                 "INVALID_ARGUMENT", "Duplicate evaluation of signature: regress"),
                ([("sample", "nope", REGRESS)],
                 "INVALID_ARGUMENT", "Requested signature not found in model graph: nope"),
                ([("sample", "regress", "x")],
                 "UNIMPLEMENTED", "Unsupported signature method_name: x"),
            ):  # fmt: skip
                found = await refusal(client.predictions.MultiInference(request(*tasks)))
                assert found[0] == code
                assert message in found[1]

    run(work())


def test_metadata_holds_all_signatures(base):
    async def work():
        async with listening(base) as (_, _, client):
            request = get_model_metadata_pb2.GetModelMetadataRequest()
            ask = client.predictions.GetModelMetadata
            assert await refusal(ask(request)) == ("INVALID_ARGUMENT", "Missing ModelSpec")
            request.model_spec.name = "sample"
            code, message = await refusal(ask(request))
            assert "must specify at least one metadata_field" in message
            request.metadata_field.append("signature_def")
            found = await ask(request)
            signatures = get_model_metadata_pb2.SignatureDefMap()
            assert found.metadata["signature_def"].Unpack(signatures)
            assert signatures.signature_def["classify"].method_name == CLASSIFY
            assert found.model_spec.version.value == 1
            request.metadata_field.append("more")
            code, message = await refusal(ask(request))
            assert (code, message) == ("INVALID_ARGUMENT", "Metadata field more is not supported")

    run(work())


def test_status_tells_of_versions_that_failed(base):
    (base / "2").mkdir()

    async def work():
        async with listening(base) as (_, _, client):
            request = get_model_status_pb2.GetModelStatusRequest()
            assert await refusal(client.models.GetModelStatus(request)) == (
                "INVALID_ARGUMENT", "Missing ModelSpec"
            )  # fmt: skip
            request.model_spec.name = "sample"
            (failed,) = (await client.models.GetModelStatus(request)).model_version_status
            assert (failed.version, failed.state) == (2, failed.END)
            assert failed.status.error_code == 5
            assert "SavedModel file does not exist" in failed.status.error_message

    run(work())


def reload_request(*models):
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.SetInParent()
    for name, base in models:
        request.config.model_config_list.config.add(name=name, base_path=str(base))
    return request


def test_a_new_list_of_models_is_served(base):
    async def work():
        async with listening(base) as (core, _, client):
            ask = client.models.HandleReloadConfigRequest
            found = await ask(reload_request(("sample", base), ("twin", base)))
            assert found.status.error_code == 0
            assert sorted(core.names) == ["sample", "twin"]
            request = predict_request(name="twin", inputs=X)
            assert (await client.predictions.Predict(request)).model_spec.name == "twin"
            request = reload_request(("twin", base))
            request.config.model_config_list.config[0].version_labels["stable"] = 1
            await ask(request)
            assert core.names == ["twin"]
            request = predict_request(name="twin", inputs=X)
            request.model_spec.version_label = "stable"
            assert (await client.predictions.Predict(request)).model_spec.version.value == 1
            code, _ = await refusal(client.predictions.Predict(predict_request(inputs=X)))
            assert code == "NOT_FOUND"

    run(work())


def test_lists_of_models_that_are_refused_change_nothing(base, tmp_path):
    custom = model_management_pb2.ReloadConfigRequest()
    custom.config.custom_model_config.SetInParent()
    label = reload_request(("sample", base))
    label.config.model_config_list.config[0].version_labels["x"] = 9
    cases = (
        (custom, "INVALID_ARGUMENT", "Only ModelConfigList is currently supported"),
        (reload_request(("a", base), ("a", base)), "INVALID_ARGUMENT", "model a multiple times"),
        (reload_request(("a", "rel")), "INVALID_ARGUMENT", "got base_path()=rel"),
        (reload_request(("a", tmp_path)), "PERMISSION_DENIED", "--any_base allows others"),
        (label, "FAILED_PRECONDITION", "label to version 9 of model sample, which is not"),
    )

    async def work():
        async with listening(base) as (core, _, client):
            for request, code, message in cases:
                found = await refusal(client.models.HandleReloadConfigRequest(request))
                assert found[0] == code
                assert message in found[1]
                assert core.names == ["sample"]
            await client.predictions.Predict(predict_request(inputs=X))

    run(work())


def test_other_bases_may_be_named_where_that_is_allowed(base, publish, tmp_path):
    other = publish(2, into=tmp_path / "other")

    async def work():
        async with listening(base, any_base=True) as (_, _, client):
            ask = client.models.HandleReloadConfigRequest
            await ask(reload_request(("sample", other)))
            found = await client.predictions.Predict(predict_request(inputs=X))
            assert found.model_spec.version.value == 2
            (tmp_path / "empty").mkdir()
            code, message = await refusal(ask(reload_request(("gone", tmp_path / "empty"))))
            assert (code, message) == ("UNKNOWN", "models did not become available: gone")

    run(work())


def test_a_deadline_that_has_passed_ends_the_request(base):
    async def work():
        async with listening(base, batching=Batching(), threads=1) as (core, _, client):
            busy = asyncio.ensure_future(
                client.predictions.Predict(predict_request("slow", inputs=np.int32([2000])))
            )
            await until(lambda: core.metrics.batches)
            asked = client.predictions.Predict(predict_request(inputs=X), timeout=0.5)
            assert (await refusal(asked))[0] == "DEADLINE_EXCEEDED"
            await busy
            await until(lambda: len(core.metrics.requests) == 2)
            assert core.metrics.requests[0] == ("sample", "predict", "CANCELLED")
            assert core.metrics.batches == [1]  # it was dropped before it was run

    run(work())


def test_a_message_beyond_the_limit_is_refused(base):
    async def work():
        async with listening(base, limits=Limits(body_bytes=10_000)) as (_, _, client):
            large = predict_request(inputs=np.zeros((5000, 2), np.float32))
            code, message = await refusal(client.predictions.Predict(large))
            assert code == "RESOURCE_EXHAUSTED"
            assert "larger than max" in message
            await client.predictions.Predict(predict_request(inputs=X))

    run(work())


def test_long_messages_are_cut(base):
    async def work():
        async with listening(base) as (_, _, client):
            request = predict_request(**{"x" * 3000: X})
            code, message = await refusal(client.predictions.Predict(request))
            assert code == "INVALID_ARGUMENT"
            assert len(message) == 1024
            assert message.endswith("...TRUNCATED")

    run(work())


def test_a_fault_of_the_server_s_own_is_told_and_answered(base, monkeypatch):
    async def work():
        async with listening(base) as (core, _, client):
            with monkeypatch.context() as patch:
                patch.setattr(type(core), "predict", lambda *_: 1 / 0)
                code, message = await refusal(client.predictions.Predict(predict_request(inputs=X)))
            assert (code, message) == ("INTERNAL", "ZeroDivisionError: division by zero")
            assert core.told[-1] == "a request failed: ZeroDivisionError: division by zero"
            await client.predictions.Predict(predict_request(inputs=X))

    run(work())


def test_a_port_in_use_is_refused(base):
    async def work():
        async with listening(base) as (core, front, _):
            with pytest.raises(BadInput, match="is the port in use"):
                await GrpcFront(core, "127.0.0.1", front.port).start()

    run(work())


def test_closing_answers_what_is_in_flight(base):
    async def work():
        async with listening(base) as (core, front, client):
            asked = asyncio.ensure_future(
                client.predictions.Predict(predict_request("slow", inputs=np.int32([200])))
            )
            await until(lambda: core.metrics.batches)
            closing = asyncio.ensure_future(front.close(20))
            assert (await asked).outputs["outputs"].float_val == [200]
            await closing
            code, _ = await refusal(client.predictions.Predict(predict_request(inputs=X)))
            assert code == "UNAVAILABLE"

    run(work())


@pytest.mark.parametrize("batching", [None, Batching()], ids=["single", "batched"])
def test_fifty_clients_at_a_time_each_get_their_own_answers(base, batching):
    async def ask(port, number):
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            for turn in range(5):
                x = np.full((1 + turn, 2), number, np.float32)
                found = await Client(channel).predictions.Predict(predict_request(inputs=x))
                np.testing.assert_array_equal(
                    tf.make_ndarray(found.outputs["outputs"]), answer(x, 1)
                )

    async def work():
        async with listening(base, batching=batching) as (core, front, _):
            await asyncio.gather(*(ask(front.port, number) for number in range(50)))
            assert core.metrics.requests == [("sample", "predict", "OK")] * 250

    run(work())
