"""Waiting has limits: tested on sockets, without a cluster."""

from __future__ import annotations

import socket

import pytest

from tftrain.distribute.dispatcher import Dispatcher
from tftrain.errors import ServerLost, WorkersLost


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def looking(cluster, workers_limit):
    dispatcher = Dispatcher.__new__(Dispatcher)
    dispatcher._cluster, dispatcher._workers_limit = cluster, workers_limit
    return dispatcher


def test_silent_server_is_named(listening):
    cluster = {"ps": [listening, "127.0.0.1:1"], "worker": [listening]}
    with pytest.raises(ServerLost) as lost:
        looking(cluster, 10)._look(0)
    assert lost.value.tasks == ("/job:ps/task:1 (127.0.0.1:1)",)


def test_no_worker_for_the_time_limit_is_an_error(listening):
    cluster = {"ps": [listening], "worker": ["127.0.0.1:1"]}
    with pytest.raises(WorkersLost, match="/job:worker/task:0"):
        looking(cluster, 10)._look(0)


def test_one_worker_that_answers_is_enough(listening):
    cluster = {"ps": [listening], "worker": ["127.0.0.1:1", listening]}
    assert looking(cluster, 10)._look(0) > 0
