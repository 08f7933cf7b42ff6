"""Exports that are made once, and a server in this process."""

import asyncio
import contextlib
import shutil

import pytest

from tests.serve import sample_versions
from tftrain.serve import Core, NoMetrics


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Folders of versions 1 to 3, to be copied."""
    folder = tmp_path_factory.mktemp("exports")
    sample_versions.write(folder, (1, 2, 3))
    return folder


@pytest.fixture
def publish(exported, tmp_path):
    """Puts a version into a base folder at once, as an export does; gives the base."""
    base = tmp_path / "sample"
    base.mkdir()

    def put(version, into=base, of=None):
        into.mkdir(exist_ok=True)
        staged = into / f".tmp-{version}"
        shutil.copytree(exported / str(of or version), staged)
        staged.rename(into / str(version))
        return into

    return put


@pytest.fixture
def base(publish):
    """A base folder that holds version 1."""
    return publish(1)


class Book(NoMetrics):
    """Keeps what it is told."""

    def __init__(self):
        self.requests, self.batches, self.versions = [], [], []

    def request(self, name, method, code, seconds):
        self.requests.append((name, method, code))

    def batch(self, name, rows):
        self.batches.append(rows)

    def version(self, name, version, state):
        self.versions.append((version, state))


@contextlib.asynccontextmanager
async def serving(base, name="sample", **settings):
    """A core that serves one base; what it tells is in `core.told`."""
    told = []
    core = Core(
        {name: base}, tell=told.append, **{"metrics": Book(), "poll_seconds": 0.02, **settings}
    )
    core.told = told
    try:
        await core.start()
        yield core
    finally:
        await core.close()


async def until(condition, seconds=20):
    """Waits for something to become true."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never became true"
        await asyncio.sleep(0.005)


def run(work):
    """Runs a coroutine with asyncio's own checks on."""
    return asyncio.run(work, debug=True)
