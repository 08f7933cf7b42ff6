"""Versions that come, go, change and are damaged, under a server that looks at their folder."""

import asyncio
import shutil

import numpy as np
import pytest

from tests.serve.conftest import run, serving, until
from tests.serve.sample_versions import answer
from tftrain.errors import ServingError
from tftrain.serve import Batching, Target, model_versions

X = np.ones((1, 2), np.float32)
SAMPLE = Target("sample")


def available(core):
    return [s.version for s in core.statuses(SAMPLE) if s.state == "AVAILABLE"]


async def version_of(core, target=SAMPLE):
    return (await core.predict(target, {"inputs": X})).version


def test_a_new_version_takes_over_and_the_old_one_ends(base, publish):
    async def work():
        async with serving(base) as core:
            assert await version_of(core) == 1
            publish(2)
            await until(lambda: available(core) == [2])
            assert await version_of(core) == 2
            await until(lambda: core.metrics.versions[-1] == (1, "END"))
            assert core.metrics.versions == [
                (1, "LOADING"), (1, "AVAILABLE"), (2, "LOADING"), (2, "AVAILABLE"),
                (1, "UNLOADING"), (1, "END"),
            ]  # fmt: skip
            assert core.told == ["sample: version 1 is served", "sample: version 2 is served"]
            with pytest.raises(ServingError, match=r"Specific\(sample, 1\)"):
                await version_of(core, Target("sample", 1))

    run(work())


def test_the_old_version_ends_after_its_last_request(base, publish):
    async def work():
        async with serving(base) as core:
            steps = {"inputs": np.full(1, 600, np.int32)}
            asked = asyncio.ensure_future(core.predict(Target("sample", signature="slow"), steps))
            await asyncio.sleep(0)
            publish(2)
            await until(lambda: (1, "UNLOADING") in core.metrics.versions)
            assert not asked.done()
            assert (1, "END") not in core.metrics.versions
            assert (await asked).version == 1
            await until(lambda: (1, "END") in core.metrics.versions)

    run(work())


@pytest.mark.parametrize("batching", [None, Batching()], ids=["single", "batched"])
def test_swapping_under_load_loses_no_request_and_mixes_no_versions(base, publish, batching):
    async def work():
        seen, stop = set(), asyncio.Event()

        async def ask(core, number):
            while not stop.is_set():
                x = np.full((1 + number % 3, 2), number, np.float32)
                found = await core.predict(SAMPLE, {"inputs": x})
                np.testing.assert_array_equal(found.outputs["outputs"], answer(x, found.version))
                seen.add(found.version)

        async with serving(base, batching=batching) as core:
            asking = [asyncio.ensure_future(ask(core, number)) for number in range(16)]
            for version in (2, 3):
                publish(version)
                await until(lambda: available(core) == [version])  # noqa: B023
                await asyncio.sleep(0.05)
            shutil.rmtree(base / "3")
            await until(lambda: available(core) == [2])
            await asyncio.sleep(0.05)
            stop.set()
            await asyncio.gather(*asking)
            assert seen == {1, 2, 3}
            assert {code for *_, code in core.metrics.requests} == {"OK"}

    run(work())


def test_a_half_copied_version_is_told_once_and_tried_again_when_it_has_changed(
    base, publish, exported
):
    async def work():
        async with serving(base) as core:
            half = base / "2"
            half.mkdir()
            shutil.copy(exported / "2" / "saved_model.pb", half)
            await until(lambda: len(core.told) > 1)
            assert "version 2 cannot be loaded, version 1 goes on" in core.told[1]
            assert await version_of(core) == 1
            (status, _) = core.statuses(SAMPLE)
            assert (status.version, status.state) == (2, "END")
            assert status.error_code != "OK"
            assert status.error_message
            await asyncio.sleep(0.2)
            assert len(core.told) == 2
            shutil.copytree(exported / "2" / "variables", half / "variables")
            await until(lambda: available(core) == [2])
            assert await version_of(core) == 2

    run(work())


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_a_damaged_version_does_not_end_the_server(base, content):
    async def work():
        async with serving(base) as core:
            (base / "2").mkdir()
            (base / "2" / "saved_model.pb").write_bytes(content)
            await until(lambda: len(core.told) > 1)
            assert await version_of(core) == 1

    run(work())


def test_removing_the_newest_falls_back_to_the_one_before(base, publish):
    publish(2)

    async def work():
        async with serving(base) as core:
            assert await version_of(core) == 2
            shutil.rmtree(base / "2")
            await until(lambda: available(core) == [1])
            assert await version_of(core) == 1

    run(work())


def test_the_last_version_stays_when_its_folder_is_gone(base, publish):
    async def work():
        async with serving(base) as core:
            shutil.rmtree(base / "1")
            await until(lambda: len(core.told) > 1)
            assert core.told[1:] == [f"sample: no version in {base}; version 1 goes on"]
            shutil.rmtree(base)
            await until(lambda: len(core.told) > 2)
            assert core.told[2:] == [f"sample: {base} cannot be read: No such file or directory"]
            assert await version_of(core) == 1
            publish(2)
            await until(lambda: available(core) == [2])

    run(work())


def test_a_base_without_versions_is_waited_for(base, publish):
    empty = base.with_name("empty")
    empty.mkdir()

    async def work():
        async with serving(empty) as core:
            assert core.told == [f"sample: no version in {empty}; waiting for one"]
            with pytest.raises(ServingError, match="NOT_FOUND: Servable not found"):
                await version_of(core)
            publish(3, into=empty)
            await until(lambda: core.told[-1] == "sample: version 3 is served")
            assert await version_of(core) == 3

    run(work())


def test_folders_that_are_no_versions_are_ignored(base, publish, exported):
    for name in (".tmp-9", "tmp9", "2.0", "9" * 20, "²"):
        shutil.copytree(exported / "2", base / name)

    async def work():
        async with serving(base) as core:
            assert await version_of(core) == 1
            assert core.told == ["sample: version 1 is served"]

    run(work())


def config(text):
    return f'model_config_list {{ config {{ name: "sample" base_path: "/x" {text} }} }}'


def test_labels_and_the_versions_to_serve_are_those_of_models_config(base, publish):
    publish(2)
    publish(3)
    (base / "models.config").write_text(
        config(
            "model_version_policy { specific { versions: 1 versions: 2 } } "
            'version_labels { key: "stable" value: 1 } version_labels { key: "next" value: 7 }'
        )
    )

    async def work():
        async with serving(base) as core:
            assert available(core) == [2, 1]
            assert await version_of(core) == 2
            assert await version_of(core, Target("sample", label="stable")) == 1
            with pytest.raises(ServingError, match=r"NOT_FOUND: .* Specific\(sample, 7\)"):
                await version_of(core, Target("sample", label="next"))

    run(work())


@pytest.mark.parametrize(("policy", "expected"), [("latest { num_versions: 2 }", [3, 2]),
                                                  ("all {}", [3, 2, 1])])  # fmt: skip
def test_several_versions_are_served_on_request(base, publish, policy, expected):
    publish(2)
    publish(3)
    (base / "models.config").write_text(config(f"model_version_policy {{ {policy} }}"))

    async def work():
        async with serving(base) as core:
            assert available(core) == expected
            for version in expected:
                assert await version_of(core, Target("sample", version)) == version

    run(work())


def test_a_version_that_comes_back_is_loaded_again(base, publish, exported):
    async def work():
        async with serving(base) as core:
            publish(2)
            await until(lambda: core.metrics.versions[-1] == (1, "END"))
            shutil.rmtree(base / "2")
            await until(lambda: available(core) == [1])
            await until(lambda: core.metrics.versions[-1] == (2, "END"))
            publish(2)
            await until(lambda: available(core) == [2])

    run(work())


def test_a_base_that_is_swapped_by_a_link_is_followed(publish, tmp_path):
    publish(1, into=tmp_path / "first")
    publish(2, into=tmp_path / "second")
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "first")

    async def work():
        async with serving(link) as core:
            assert await version_of(core) == 1
            moved = tmp_path / "moved"
            moved.symlink_to(tmp_path / "second")
            moved.replace(link)
            await until(lambda: available(core) == [2])

    run(work())


def test_ended_versions_are_forgotten_in_time(base, publish, monkeypatch):
    monkeypatch.setattr(model_versions, "REMEMBERED", 1)

    async def work():
        async with serving(base) as core:
            for version in (2, 3, 4):
                publish(version, of=2)
                await until(lambda: core.metrics.versions[-1] == (version - 1, "END"))  # noqa: B023
            assert [status.version for status in core.statuses(SAMPLE)] == [4, 3]

    run(work())
