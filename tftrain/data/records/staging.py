"""The unfinished set beside its target: what is finished in it survives a kill.

`.NAME.partial` holds `set`, which becomes the target by one rename, and `state`: the plan, that
is source and settings, and for every finished shard what the manifest will say of it. The next
write of the same plan keeps those shards whose bytes still have their digest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tftrain.atomic import UNFINISHED, alone_in, replace_file
from tftrain.data.records.shards import Shard, sha256
from tftrain.errors import BadInput

_PLAN = "plan.json"


@dataclasses.dataclass(frozen=True)
class Finished:
    """A shard that lies on disk, and what was left out of it, a sentence each."""

    shard: Shard
    skipped: tuple[str, ...] = ()


class Staging:
    """Where a set grows.

    Attributes:
        path: The folder beside the target.
        files: Where its shards and manifest go.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.partial")
        self.files = self.path / "set"
        self._state = self.path / "state"

    @contextlib.contextmanager
    def opened(self, plan: Mapping[str, Any]) -> Iterator[Staging]:
        """Makes or takes up the folder; drops what another plan left in it.

        Raises:
            BadInput: Another process is writing there, or the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"{self.path} cannot be made: {error.strerror}") from error
        with alone_in(self.path, BadInput(f"another process is writing {self.target}")):
            self._take_up(json.loads(json.dumps(plan)))
            yield self

    def _take_up(self, plan: Any) -> None:
        if _read_json(self._state / _PLAN) != plan:
            for folder in (self.files, self._state):
                shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.files, self._state):
            folder.mkdir(exist_ok=True)
        for path in self.files.glob(f"{UNFINISHED}*"):  # a killed process left it half written
            path.unlink()
        self._write_json(_PLAN, plan)

    def __len__(self) -> int:
        """Number of finished shards."""
        return sum(1 for path in self._state.glob("*.json") if path.name != _PLAN)

    def finished(self, file: str) -> Finished | None:
        """What is known of a shard that an earlier run finished; None if it must be written."""
        known, path = _read_json(self._state / f"{file}.json"), self.files / file
        if not known or not path.is_file():
            return None
        shard = Shard(**{**known["shard"], "per_class": tuple(known["shard"]["per_class"])})
        if path.stat().st_size != shard.bytes or sha256(path) != shard.sha256:
            return None
        return Finished(shard, tuple(known["skipped"]))

    def finish(self, done: Finished) -> None:
        """Notes that a shard is whole and on disk."""
        self._write_json(f"{done.shard.file}.json", dataclasses.asdict(done))

    def publish(self) -> None:
        """The set becomes the target; the rest goes."""
        os.rename(self.files, self.target)
        shutil.rmtree(self.path)

    def _write_json(self, name: str, content: Any) -> None:
        with replace_file(self._state / name) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")


def _read_json(path: Path) -> Any:
    """The content, or None where there is none to rely on."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
