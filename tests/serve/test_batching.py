"""Requests that are joined: what they get is what each would get alone."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serve.conftest import run, serving, until
from tests.serve.sample_versions import answer
from tftrain.errors import ServingError
from tftrain.serve import Batching, Target, batching
from tftrain.serve.batching import run_joined
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.runs import Call

SAMPLE = Target("sample")
WAIT = Batching(timeout_micros=100_000)


@pytest.fixture(scope="module")
def version(exported):
    loaded = LoadedVersion(exported / "1")
    yield loaded
    loaded.close()


def call(version, signature="serving_default"):
    return Call("sample", version, signature, tuple(version.signatures[signature].outputs))


def filled(rows, value):
    return np.full((rows, 2), value, np.float32)


async def ask_together(core, requests, signature=""):
    target = Target("sample", signature=signature)
    asked = [core.predict(target, {"inputs": x}) for x in requests]
    return await asyncio.gather(*asked, return_exceptions=True)


def test_requests_that_arrive_together_are_run_together(base):
    async def work():
        async with serving(base, batching=WAIT) as core:
            requests = [filled(rows, rows) for rows in (1, 3, 2)]
            for x, found in zip(requests, await ask_together(core, requests), strict=True):
                np.testing.assert_array_equal(found.outputs["outputs"], answer(x, 1))
            assert core.metrics.batches == [6]

    run(work())


def test_a_full_batch_does_not_wait(base):
    async def work():
        patient = Batching(max_batch_size=4, timeout_micros=60_000_000)
        async with serving(base, batching=patient) as core:
            await ask_together(core, [filled(1, number) for number in range(8)])
            assert core.metrics.batches == [4, 4]

    run(work())


def test_while_all_threads_are_busy_requests_gather(base):
    async def work():
        async with serving(base, batching=Batching(), threads=1) as core:
            steps = {"inputs": np.full(1, 100, np.int32)}
            slow = asyncio.ensure_future(core.predict(Target("sample", signature="slow"), steps))
            await until(lambda: core.metrics.batches)
            await ask_together(core, [filled(1, number) for number in range(20)])
            await slow
            assert core.metrics.batches == [1, 20]

    run(work())


def test_a_client_by_itself_never_waits(base, monkeypatch):
    monkeypatch.setattr(batching, "RETURN_SECONDS", 60)
    monkeypatch.setattr(batching, "PATIENCE_SECONDS", 60)

    async def work():
        async with serving(base, batching=Batching()) as core:
            for _ in range(5):
                asked = core.predict(SAMPLE, {"inputs": filled(1, 0)})
                await asyncio.wait_for(asked, 30)

    run(work())


def test_clients_that_were_just_answered_are_waited_for(base, monkeypatch):
    monkeypatch.setattr(batching, "RETURN_SECONDS", 60)
    monkeypatch.setattr(batching, "PATIENCE_SECONDS", 60)

    async def work():
        async with serving(base, batching=Batching()) as core:
            await ask_together(core, [filled(1, number) for number in range(3)])
            first = asyncio.ensure_future(core.predict(SAMPLE, {"inputs": filled(1, 0)}))
            await asyncio.sleep(0.05)
            assert core.metrics.batches == [3]
            await ask_together(core, [filled(1, number) for number in range(2)])
            await first
            assert core.metrics.batches == [3, 3]

    run(work())


def test_clients_that_do_not_come_back_are_not_waited_for(base):
    async def work():
        async with serving(base, batching=Batching()) as core:
            await ask_together(core, [filled(1, number) for number in range(3)])
            for _ in range(2):
                await core.predict(SAMPLE, {"inputs": filled(1, 0)})
                await asyncio.sleep(2 * batching.RETURN_SECONDS)
            assert core.metrics.batches == [3, 1, 1]

    run(work())


def test_batches_are_padded_to_the_sizes_allowed(base):
    async def work():
        padded = Batching(8, timeout_micros=100_000, allowed_batch_sizes=(4, 8))
        async with serving(base, batching=padded) as core:
            requests = [filled(1, 5), filled(2, 7), filled(3, 9)]
            for x, found in zip(requests, await ask_together(core, requests), strict=True):
                np.testing.assert_array_equal(found.outputs["outputs"], answer(x, 1))

    run(work())


def test_an_error_is_that_of_its_own_request_alone(base):
    async def work():
        async with serving(base, batching=WAIT) as core:
            requests = [filled(1, 4), filled(2, -1), filled(1, 9)]
            first, second, third = await ask_together(core, requests, "positive")
            assert first.outputs["outputs"].tolist() == [[2, 2]]
            assert third.outputs["outputs"].tolist() == [[3, 3]]
            assert isinstance(second, ServingError)
            assert "a row is negative" in second.message
            assert core.metrics.batches == [4]

    run(work())


def test_a_signature_whose_answer_has_other_rows_is_run_for_each(base):
    async def work():
        async with serving(base, batching=WAIT) as core:
            requests = [filled(3, 4), filled(2, 6)]
            found = await ask_together(core, requests, "mean")
            assert [each.outputs["outputs"].tolist() for each in found] == [[4, 4], [6, 6]]

    run(work())


def test_requests_of_other_shapes_are_not_joined(base):
    async def work():
        async with serving(base, batching=WAIT) as core:
            good, bad = await ask_together(core, [filled(1, 3), np.ones((1, 3), np.float32)])
            np.testing.assert_array_equal(good.outputs["outputs"], answer(filled(1, 3), 1))
            assert sorted(core.metrics.batches) == [1, 1]
            # the graph multiplies and adds, whatever the width
            assert bad.outputs["outputs"].shape == (1, 3)

    run(work())


def test_a_request_that_nobody_waits_for_is_not_run(base):
    async def work():
        async with serving(base, batching=Batching(), threads=1) as core:
            steps = {"inputs": np.full(1, 200, np.int32)}
            target = Target("sample", signature="slow")
            slow = asyncio.ensure_future(core.predict(target, steps))
            await until(lambda: core.metrics.batches)
            left = [
                asyncio.ensure_future(core.predict(SAMPLE, {"inputs": filled(1, 0)}))
                for _ in range(3)
            ]
            await asyncio.sleep(0)
            for task in left[:2]:
                task.cancel()
            await slow
            await left[2]
            assert core.metrics.batches == [1, 1]
            assert core.metrics.requests.count(("sample", "predict", "CANCELLED")) == 2

    run(work())


def test_a_full_queue_refuses(base):
    async def work():
        small = Batching(max_batch_size=2, max_enqueued_batches=1)
        async with serving(base, batching=small, threads=1) as core:
            steps = {"inputs": np.full(1, 100, np.int32)}
            slow = asyncio.ensure_future(core.predict(Target("sample", signature="slow"), steps))
            await until(lambda: core.metrics.batches)
            found = await ask_together(core, [filled(1, 0)] * 3)
            assert [getattr(each, "code", "OK") for each in found] == ["OK", "OK", "UNAVAILABLE"]
            assert "batch scheduling queue" in found[2].message
            await slow

    run(work())


def test_a_request_larger_than_a_batch_is_run_by_itself(base):
    async def work():
        async with serving(base, batching=Batching(max_batch_size=4)) as core:
            x = filled(9, 2)
            found = await core.predict(SAMPLE, {"inputs": x})
            np.testing.assert_array_equal(found.outputs["outputs"], answer(x, 1))

    run(work())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=8),
    st.sampled_from([(), (1, 2, 4, 8, 64), (64,)]),
)
def test_joined_answers_are_those_of_each_alone(version, rows, sizes):
    requests = [[filled(number, place), filled(number, 1)] for place, number in enumerate(rows)]
    both = call(version, "two")
    for arrays, found in zip(requests, run_joined(both, requests, sizes), strict=True):
        for alone, joined in zip(both.run(arrays), found, strict=True):
            np.testing.assert_array_equal(joined, alone)


def test_closing_waits_for_runs_in_other_threads(exported):
    loaded = LoadedVersion(exported / "1")
    slow = call(loaded, "slow")
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(slow.run, [np.full(1, 200, np.int32)]) for _ in range(2)]
        while not loaded._running:
            pass
        loaded.close()
        assert [run.done() or run.exception() for run in runs]
        assert all(run.exception() is None or run.exception().code == "UNAVAILABLE" for run in runs)
    with pytest.raises(ServingError, match="unloaded"):
        slow.run([np.full(1, 1, np.int32)])
