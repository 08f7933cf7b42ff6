import functools
import http.server
import socket
import threading
import time

import numpy as np
import pytest

import tftrain
from tftrain.data import download, image_files
from tftrain.errors import DataError


@pytest.fixture
def nobody_answers(monkeypatch, tmp_path):
    """A network on which connections hang: a listening socket that never answers."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mnist.npz"


@pytest.fixture
def server(tmp_path, tiny_mnist):
    """A server on this machine that has mnist.npz."""
    root = tmp_path / "served"
    root.mkdir()
    np.savez(root / "mnist.npz", **tiny_mnist)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/mnist.npz"
        running.shutdown()
        thread.join()


def use(monkeypatch, url):
    image_set = image_files.IMAGE_SETS["mnist"]
    changed = image_files.dataclasses.replace(image_set, urls=(url,), sha256=None)
    monkeypatch.setitem(image_files.IMAGE_SETS, "mnist", changed)


def test_offline_names_the_three_ways_within_five_seconds(nobody_answers, monkeypatch):
    use(monkeypatch, nobody_answers)
    started = time.monotonic()
    with pytest.raises(DataError) as caught:
        tftrain.data.load("mnist")
    assert time.monotonic() - started < 5
    for way in ("--data_dir=DIR", "datasets", "connect to the network"):
        assert way in str(caught.value)


def test_download_goes_to_the_keras_cache_and_is_not_repeated(server, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    use(monkeypatch, server)
    assert len(tftrain.data.load("mnist", validation=0).train) == 40
    monkeypatch.setattr(download, "fetch", None)
    assert len(tftrain.data.load("mnist", validation=0).train) == 40


def test_download_with_a_wrong_hash_is_refused(server, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    with pytest.raises(DataError, match="cannot be downloaded"):
        download.fetch(server, sha256="0" * 64)
