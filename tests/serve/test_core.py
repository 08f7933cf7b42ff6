import asyncio

import numpy as np
import pytest

from tests.serve.conftest import run, serving, until
from tests.serve.sample_versions import LABELS, answer, example
from tftrain.errors import ServingError
from tftrain.serve import Batching, Limits, Target

X = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
SAMPLE = Target("sample")


@pytest.fixture(params=[None, Batching()], ids=["single", "batched"])
def batching(request):
    return request.param


def signature(name):
    return Target("sample", signature=name)


def test_it_answers_with_all_outputs(base, batching):
    async def work():
        async with serving(base, batching=batching) as core:
            found = await core.predict(signature("two"), {"a": X, "b": 2 * X})
            assert (found.name, found.version, found.signature) == ("sample", 1, "two")
            np.testing.assert_array_equal(found.outputs["sum"], 3 * X)
            np.testing.assert_array_equal(found.outputs["difference"], -X)

    run(work())


def test_outputs_are_filtered_in_the_order_asked_for(base, batching):
    async def work():
        async with serving(base, batching=batching) as core:
            both = {"a": X, "b": X}
            one = await core.predict(signature("two"), both, ["sum"])
            assert list(one.outputs) == ["sum"]
            two = await core.predict(signature("two"), both, ["sum", "difference"])
            assert list(two.outputs) == ["sum", "difference"]
            np.testing.assert_array_equal(two.outputs["difference"], X - X)

    run(work())


def test_strings_go_in_and_come_out(base, batching):
    async def work():
        async with serving(base, batching=batching) as core:
            texts = np.array([b"AbC", "Ü".encode(), b""], object)
            found = (await core.predict(signature("strings"), {"inputs": texts})).outputs
            assert found["lower"].tolist() == [b"abc", "Ü".encode(), b""]
            assert found["length"].tolist() == [3, 2, 0]

    run(work())


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_any_number_of_rows_is_answered(base, batching, rows):
    async def work():
        async with serving(base, batching=batching) as core:
            x = np.zeros((rows, 2), np.float32)
            found = await core.predict(SAMPLE, {"inputs": x})
            np.testing.assert_array_equal(found.outputs["outputs"], answer(x, 1))

    run(work())


REFUSED = {
    "unknown model": (Target("other"), {}, (), "NOT_FOUND",
        "Servable not found for request: Latest(other)"),
    "unknown version": (Target("sample", 7), {}, (), "NOT_FOUND",
        "Servable not found for request: Specific(sample, 7)"),
    "unknown label": (Target("sample", label="old"), {}, (), "INVALID_ARGUMENT",
        "Unrecognized servable version label: old"),
    "label of an unknown model": (Target("other", label="old"), {}, (), "INVALID_ARGUMENT",
        "Unrecognized servable version label: old"),
    "no name": (Target(""), {}, (), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    "unknown signature": (signature("nope"), {}, (), "FAILED_PRECONDITION",
        'Serving signature key "nope" not found.'),
    "no input": (signature("two"), {}, (), "INVALID_ARGUMENT",
        "input size does not match signature: 0!=2 len({}) != len({a,b}). Sent extra: {}. "
        "Missing but required: {a,b}."),
    "an input too many": (SAMPLE, {"inputs": X, "more": X}, (), "INVALID_ARGUMENT",
        "input size does not match signature: 2!=1 len({inputs,more}) != len({inputs}). "
        "Sent extra: {more}. Missing but required: {}."),
    "another input": (SAMPLE, {"x": X}, (), "INVALID_ARGUMENT",
        "Signature input alias: inputs(feed name: serving_default_inputs:0) not found in request "
        "and no default value provided. Inputs expected to be in the request {x}, or default "
        "input alias set: "),
    "dtype": (signature("two"), {"a": X, "b": X.astype(np.int64)}, (), "INVALID_ARGUMENT",
        "Expects arg[1] to be float but int64 is provided"),
    "strings for numbers": (SAMPLE, {"inputs": np.array([[b"1"]], object)}, (),
        "INVALID_ARGUMENT", "Expects arg[0] to be float but string is provided"),
    "unknown output": (signature("two"), {"a": X, "b": X}, ("sum", "nope"), "INVALID_ARGUMENT",
        "output tensor alias not found in signature: nope Outputs expected to be in the set "
        "{difference,sum}."),
    "an output twice": (signature("two"), {"a": X, "b": X}, ("sum", "sum"), "INVALID_ARGUMENT",
        "duplicate output tensor alias: sum"),
    "too many rows": (SAMPLE, {"inputs": np.zeros((1025, 2), np.float32)}, (),
        "INVALID_ARGUMENT", "Task size 1025 is larger than maximum input batch size 1024"),
}  # fmt: skip


def test_bad_requests_are_refused_in_tf_serving_s_words(base, batching):
    async def work():
        async with serving(base, batching=batching) as core:
            for case, (target, inputs, outputs, code, message) in REFUSED.items():
                with pytest.raises(ServingError) as caught:
                    await core.predict(target, inputs, outputs)
                assert (caught.value.code, caught.value.message) == (code, message), case
            assert core.metrics.requests[0] == ("other", "predict", "NOT_FOUND")

    run(work())


@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 2, 2)])
def test_shapes_are_the_graph_s_to_refuse_as_in_tf_serving(base, batching, shape):
    async def work():
        async with serving(base, batching=batching) as core:
            inputs = {"a": np.ones(shape, np.float32), "b": np.ones((5, 2), np.float32)}
            with pytest.raises(ServingError, match="Incompatible shapes") as caught:
                await core.predict(signature("two"), inputs)
            assert caught.value.code == "INVALID_ARGUMENT"

    run(work())


def test_classify(base, batching):
    async def work():
        async with serving(base, batching=batching) as core:
            found = await core.classify(signature("classify"), [example(0, 0, 9), example(9, 0, 0)])
            assert found.outputs["classes"].tolist() == [LABELS, LABELS]
            assert found.outputs["scores"].argmax(axis=1).tolist() == [2, 0]
            only = await core.classify(signature("scores_only"), [example(0, 9, 0)])
            assert list(only.outputs) == ["scores"]

    run(work())


def test_regress(base, batching):
    async def work():
        async with serving(base, batching=batching) as core:
            found = await core.regress(signature("regress"), [example(1, 2, 3), example(0, 0, 1)])
            assert found.outputs["outputs"].tolist() == [106, 101]

    run(work())


def test_classify_and_regress_refuse_what_is_not_theirs(base):
    async def work():
        async with serving(base) as core:
            for target, examples, message in (
                (signature("nope"), [b""], "No signature was found with the name: nope"),
                (signature("regress"), [b""],
                 "Expected classification signature method_name to be "
                 "tensorflow/serving/classify. Was: tensorflow/serving/regress"),
                (signature("classify"), [], "Input is empty."),
                (signature("classify"), [b"garbage"], "Could not parse example input"),
                (signature("classify"), [b""], "Feature: x (data type: float) is required"),
            ):  # fmt: skip
                with pytest.raises(ServingError) as caught:
                    await core.classify(target, examples)
                assert message in caught.value.message
                assert caught.value.code == "INVALID_ARGUMENT"
            with pytest.raises(ServingError, match="Expected regression signature method_name"):
                await core.regress(SAMPLE, [example(1, 2, 3)])

    run(work())


def test_signatures_and_statuses_are_those_of_the_version(base):
    async def work():
        async with serving(base) as core:
            version, found = core.signature(signature("two"))
            assert (version, sorted(found.inputs)) == (1, ["a", "b"])
            assert "strings" in core.signatures(SAMPLE)[1]
            (status,) = core.statuses(SAMPLE)
            assert (status.version, status.state, status.error_code) == (1, "AVAILABLE", "OK")
            for target, message in (
                (Target("sample", 4), "Could not find version 4 of model sample"),
                (Target("other"), "Could not find any versions of model other"),
            ):
                with pytest.raises(ServingError, match=message):
                    core.statuses(target)

    run(work())


def slow(steps):
    return {"inputs": np.full(1, steps, np.int32)}


def test_a_request_beyond_its_time_is_given_up(base, batching):
    async def work():
        limits = Limits(seconds=0.1)
        async with serving(base, batching=batching, limits=limits, threads=1) as core:
            with pytest.raises(ServingError, match=r"no answer within 0\.1 s") as caught:
                await core.predict(signature("slow"), slow(1500))
            assert caught.value.code == "DEADLINE_EXCEEDED"
            assert core.metrics.requests == [("sample", "predict", "DEADLINE_EXCEEDED")]

    run(work())


def test_no_more_requests_than_the_limit_are_let_in(base, batching):
    async def work():
        limits = Limits(concurrent=2)
        async with serving(base, batching=batching, limits=limits) as core:
            asked = [core.predict(signature("slow"), slow(50)) for _ in range(3)]
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert [getattr(each, "code", "OK") for each in found] == ["OK", "OK", "UNAVAILABLE"]
            await core.predict(signature("slow"), slow(1))

    run(work())


def test_closing_finishes_what_is_in_flight_and_takes_no_more(base, batching):
    async def work():
        async with serving(base, batching=batching) as core:
            asked = asyncio.ensure_future(core.predict(signature("slow"), slow(200)))
            await until(lambda: core.metrics.batches)
            closing = asyncio.ensure_future(core.close())
            await asyncio.sleep(0)
            with pytest.raises(ServingError, match="shutting down") as caught:
                await core.predict(SAMPLE, {"inputs": X})
            assert caught.value.code == "UNAVAILABLE"
            assert (await asked).outputs["outputs"].tolist() == [200]
            await closing
            assert core.metrics.versions[-2:] == [(1, "UNLOADING"), (1, "END")]

    run(work())
