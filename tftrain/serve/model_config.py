"""What `models.config` says of a base folder's model: its name, labels, and versions to serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tftrain.export import serving_files


@dataclasses.dataclass(frozen=True)
class Policy:
    """Which of the versions in the base folder are served.

    Attributes:
        latest: That many of the newest.
        specific: These alone, if any are given.
        all: Every one.
    """

    latest: int = 1
    specific: frozenset[int] = frozenset()
    all: bool = False

    def chosen(self, versions: Collection[int]) -> set[int]:
        """The versions to serve, of those there are.

        Example:
            >>> Policy().chosen([1, 2, 3]), Policy(latest=2).chosen([1, 2, 3])
            ({3}, {2, 3})
        """
        if self.all:
            return set(versions)
        if self.specific:
            return set(versions) & self.specific
        return set(sorted(versions)[-self.latest :])


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model as `models.config` has it.

    Attributes:
        name: "" if the file leaves it to the folder.
        labels: Versions by label.
        policy: Which versions are served.
    """

    name: str = ""
    labels: Mapping[str, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    policy: Policy = dataclasses.field(default_factory=Policy)

    @classmethod
    def of(cls, config: Any) -> ModelConfig:
        """From the official message, tensorflow.serving.ModelConfig."""
        policy = config.model_version_policy
        return cls(
            name=config.name,
            labels=dict(config.version_labels),
            policy=Policy(
                latest=max(1, policy.latest.num_versions),
                specific=frozenset(policy.specific.versions),
                all=policy.HasField("all"),
            ),
        )


def read(base: Path) -> ModelConfig:
    """What `base/models.config` says of the model in `base`; nothing if there is no such file.

    Raises:
        BadInput: The file cannot be understood, or none of several models is this folder's.
    """
    config = serving_files.of_folder(base)
    return ModelConfig.of(config) if config else ModelConfig()
