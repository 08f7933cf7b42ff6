"""The end of a job of several workers, where one still writes and the others are done."""

from __future__ import annotations

import contextlib
from typing import Any

from tftrain.distribute import notice_board, roles
from tftrain.keras_api import tf

_KEY = "departure"
_WAIT_SECONDS = 1.0  # between looks for a signal


def wait_for_writer(strategy: Any) -> None:
    """Keeps a worker until the one that writes comes here too; call it last, in all of them.

    TensorFlow reports a worker that ends earlier as crashed, `peer_timeout` later, if the chief
    then still evaluates or exports. Returns at once in the chief, where there is one process, and
    where the chief is gone. A second call does not wait.

    Args:
        strategy: What the model was trained under.

    Example:
        >>> wait_for_writer(tf.distribute.get_strategy())  # one process
    """
    if not roles.is_multi_worker(strategy):
        return
    with contextlib.suppress(tf.errors.OpError):  # the chief is gone, or was here before
        if roles.is_writer(strategy):
            notice_board.post(_KEY, "written")
        else:
            while notice_board.read(_KEY, _WAIT_SECONDS) is None:
                pass
