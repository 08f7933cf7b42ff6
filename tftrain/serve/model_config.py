"""What `models.config` says of a base folder's model: its name, labels, and versions to serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tftrain.errors import BadInput

FILE = "models.config"


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
        BadInput: It is no text of a ModelServerConfig, or holds several models of which none has
            this folder's name.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    path = base / FILE
    try:
        text = path.read_text()
    except FileNotFoundError:
        return ModelConfig()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    try:
        parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise BadInput(f"{path} is not a configuration of TF Serving: {error}") from error
    return _of_folder(list(parsed.model_config_list.config), path)


def _of_folder(configs: list[Any], path: Path) -> ModelConfig:
    if not configs:
        return ModelConfig()
    if len(configs) == 1:
        return ModelConfig.of(configs[0])
    for config in configs:
        if Path(config.base_path).name == path.parent.name:
            return ModelConfig.of(config)
    names = ", ".join(config.name for config in configs)
    raise BadInput(f"{path} holds {names}; expected one whose base_path ends as this folder's")
