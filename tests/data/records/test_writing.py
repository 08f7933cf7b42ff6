"""Sets appear whole; kills, full disks and other settings leave nothing wrong behind."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.data.records.conftest import sorted_rows
from tftrain.data import records
from tftrain.data.records import shard_files
from tftrain.data.records.shard_files import deal
from tftrain.errors import BadInput, DataError, NoSpace

STOP_AFTER = 2


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Some megabytes that do not compress."""
    path = tmp_path_factory.mktemp("large") / "large.npz"
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (4000, 1000), dtype=np.uint8)
    np.savez(path, x=x, y=np.arange(len(x)) % 10)
    return path


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_classes_are_dealt_evenly_and_everything_once():
    y = np.repeat([0, 1, 2], [100, 10, 1])
    dealt = deal(y, 4, np.random.default_rng(0))
    assert sorted(np.concatenate(dealt).tolist()) == list(range(len(y)))
    counts = np.array([np.bincount(y[part], minlength=3) for part in dealt])
    assert (counts.max(0) - counts.min(0)).max() <= 1


def test_shards_are_shuffled(written):
    for shard in range(4):
        split = records.open(written["none"]).splits["train"]
        (serialized,) = split.dataset(files=[shard]).batch(200)
        _, y = split.decode(serialized)
        assert (np.diff(y.numpy()) < 0).sum() > 20


def test_the_same_call_gives_the_same_bytes(npz, tmp_path):
    settings = {"shards": 3, "compression": "gzip", "validation": 0.1}
    one, two = (records.write(npz, tmp_path / name, **settings).path for name in ("one", "two"))
    assert contents(one) == contents(two)


def test_shards_of_other_splits_are_of_like_size(tmp_path):
    written = records.write("digits", tmp_path / "set", shards=8)
    assert {name: len(split.shards) for name, split in written.splits.items()} == {
        "train": 8, "test": 2,
    }  # fmt: skip


def test_by_default_there_are_eight_shards_or_as_many_as_examples(tmp_path, npz):
    assert len(records.write(npz, tmp_path / "set").splits["train"].shards) == 8
    np.savez(tmp_path / "few.npz", x=np.zeros((3, 2)), y=np.arange(3))
    assert len(records.write(tmp_path / "few.npz", tmp_path / "few").splits["train"].shards) == 3


def test_nothing_is_left_beside_the_set(npz, tmp_path):
    records.write(npz, tmp_path / "deep" / "set", shards=2)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["set"]
    assert len(contents(tmp_path / "deep" / "set")) == 3


def test_an_empty_folder_is_filled_and_another_refused(npz, tmp_path):
    (tmp_path / "set").mkdir()
    records.write(npz, tmp_path / "set", shards=1)
    before = contents(tmp_path / "set")
    with pytest.raises(BadInput, match="is not empty"):
        records.write(npz, tmp_path / "set", shards=1)
    assert contents(tmp_path / "set") == before


def test_a_file_as_target_is_refused(npz, tmp_path):
    (tmp_path / "set").write_bytes(b"")
    with pytest.raises(BadInput, match="is a file"):
        records.write(npz, tmp_path / "set")


class Stopped(Exception):
    pass


def interrupt(monkeypatch, source, target, **settings):
    """Writes until some shards are finished; gives their staged files."""
    finish, done = shard_files.Staging.finish, []

    def finish_some(self, finished):
        if len(done) == STOP_AFTER:
            raise Stopped
        done.append(finished.shard.file)
        finish(self, finished)

    with monkeypatch.context() as patch:
        patch.setattr(shard_files.Staging, "finish", finish_some)
        with pytest.raises(Stopped):
            records.write(source, target, **settings)
    return [target.with_name(f".{target.name}.partial") / "set" / name for name in done]


def inodes(paths):
    return {path.name: path.stat().st_ino for path in paths}


def test_finished_shards_are_kept_by_the_same_command(npz, tmp_path, monkeypatch):
    target = tmp_path / "set"
    kept = inodes(interrupt(monkeypatch, npz, target, shards=6))
    assert not target.exists()
    written = records.write(npz, target, shards=6)
    assert kept == inodes(target / name for name in kept)
    assert written.fingerprint == records.write(npz, tmp_path / "whole", shards=6).fingerprint


def test_a_finished_shard_that_was_damaged_since_is_written_again(npz, tmp_path, monkeypatch):
    first, _ = interrupt(monkeypatch, npz, tmp_path / "set", shards=6)
    first.write_bytes(first.read_bytes()[:-1] + b"x")
    records.write(npz, tmp_path / "set", shards=6)
    assert records.verify(tmp_path / "set").records == 600


@pytest.mark.parametrize("change", [{"seed": 1}, {"shards": 5}, {"compression": "zlib"}])
def test_other_settings_start_again(npz, tmp_path, monkeypatch, change):
    target = tmp_path / "set"
    interrupt(monkeypatch, npz, target, shards=6)
    written = records.write(npz, target, **{"shards": 6, **change})
    fresh = records.write(npz, tmp_path / "fresh", **{"shards": 6, **change})
    assert written.fingerprint == fresh.fingerprint


def test_another_source_starts_again(npz, tmp_path, monkeypatch, arrays):
    changed = tmp_path / npz.name
    shutil.copy(npz, changed)
    interrupt(monkeypatch, changed, tmp_path / "set", shards=6)
    np.savez(changed, x=255 - arrays[0], y=arrays[1])
    examples = records.write(changed, tmp_path / "set", shards=6).splits["train"].examples()
    assert sorted_rows(examples.x, examples.y) == sorted_rows(255 - arrays[0], arrays[1])


def command(source, target, *more):
    return [
        sys.executable, "-m", "tftrain", "data", "write", f"--from={source}", f"--to={target}",
        "--shards=40", "--compression=gzip", *more,
    ]  # fmt: skip


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the write ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_killed_write_is_taken_up_again(large, tmp_path):
    target, state = tmp_path / "set", tmp_path / ".set.partial" / "state"
    settings = {"shards": 40, "compression": "gzip"}
    with subprocess.Popen(command(large, target), stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: len(list(state.glob("train-*.json"))) >= STOP_AFTER, process)
        process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(BadInput, match="another process is writing"):
                records.write(large, target, **settings)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not target.exists()
    finished = [path.name.removesuffix(".json") for path in state.glob("train-*.json")]
    kept = inodes(tmp_path / ".set.partial" / "set" / name for name in finished)
    records.write(large, target, **settings)
    assert kept == inodes(target / name for name in kept)
    assert records.verify(target).records == 4000
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_full_disk_is_told_and_room_lets_it_go_on(large, small_disk, compression):
    settings = {"shards": 10, "compression": compression}
    with pytest.raises(NoSpace, match=r"No space left.*run the same command again"):
        records.write(large, small_disk / "set", **settings)
    staged = small_disk / ".set.partial"
    finished = [path.name.removesuffix(".json") for path in staged.glob("state/train-*")]
    kept = inodes(staged / "set" / name for name in finished)
    assert 0 < len(kept) < 10
    subprocess.run(["mount", "-o", "remount,size=32m", small_disk], check=True)
    records.write(large, small_disk / "set", **settings)
    assert kept == inodes(small_disk / "set" / name for name in kept)
    assert records.verify(small_disk / "set").records == 4000


def test_a_limit_on_files_is_a_failure_in_one_line(large, tmp_path):
    limited = subprocess.run(
        command(large, tmp_path / "set"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert limited.returncode == 1
    (line,) = [line for line in limited.stderr.splitlines() if line.startswith("tftrain")]
    assert "File too large" in line
    assert not (tmp_path / "set").exists()


def test_a_shard_of_which_nothing_can_be_read_is_a_data_error(tmp_path):
    from PIL import Image

    for name in ("a/0.png", "b/0.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:45])
    with pytest.raises(
        DataError, match=r"no example of train-00000-of-00002\.tfrecord can be read"
    ):
        records.write(tmp_path / "photos", tmp_path / "set", shards=2, on_error="skip")


def test_a_folder_that_cannot_be_made_is_named(npz, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="cannot be made"):
        records.write(npz, tmp_path / "file" / "set", shards=1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_named(npz, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match="cannot be made"):
        records.write(npz, tmp_path / "set", shards=1)
