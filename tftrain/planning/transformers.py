"""Transformers described by their sizes alone, as language models are: nothing is built.

Parameters and operations follow from the architecture of GPT-2 and GPT-3: blocks of attention and
a perceptron four times as wide, layer norms before both, learned positions, and an output that
shares the embedding's matrix.

References: Kaplan et al., *Scaling Laws for Neural Language Models*, 2020, section 2.1
(operations); Korthikanti et al., *Reducing Activation Recomputation in Large Transformer Models*,
2022, section 4 (activations); Shoeybi et al., *Megatron-LM*, 2019, section 3 (what is split);
Brown et al., *Language Models are Few-Shot Learners*, 2020, table 2.1 (usual sizes).
"""

from __future__ import annotations

import re

from tftrain.errors import BadInput, ConfigError, suggestion
from tftrain.planning.profiles import Kept, LayerProfile, ModelProfile

PREFIX = "transformer:"
_EXAMPLE = "transformer:layers=96,width=12288,heads=96,vocabulary=50257,sequence=2048"
_DEFAULTS = {"vocabulary": 50257, "sequence": 2048}
_KEYS = ("layers", "width", "heads", *_DEFAULTS)
# Layers, width and heads by the number of parameters (Brown et al., table 2.1; the first is
# GPT-2's smallest, 1e8 with its embeddings; 3e10 and 1e12 have the shapes of Narayanan et al.,
# *Efficient Large-Scale Language Model Training on GPU Clusters*, 2021, table 1).
SIZES = {
    1e8: (12, 768, 12),
    3.5e8: (24, 1024, 16),
    7.6e8: (24, 1536, 16),
    1.3e9: (24, 2048, 32),
    2.7e9: (32, 2560, 32),
    6.7e9: (32, 4096, 32),
    1e10: (32, 5120, 40),
    1.3e10: (40, 5120, 40),
    3.9e10: (48, 8192, 64),
    1.75e11: (96, 12288, 96),
    5.3e11: (105, 20480, 128),
    1e12: (128, 25600, 160),
}


def is_preset(text: str) -> bool:
    """Whether a text describes a transformer, by its sizes or by its number of parameters."""
    return text.startswith(PREFIX) or _as_count(text) is not None


def preset(text: str) -> ModelProfile:
    """The profile of a transformer.

    Args:
        text: `transformer:layers=96,width=12288,heads=96`, with `vocabulary=` and `sequence=` if
            they are not 50257 and 2048; or one of the usual sizes, such as `1.75e11`, with
            `transformer:size=1e10,sequence=4096` for another sequence.

    Raises:
        ConfigError: Keys are unknown, missing or not positive numbers; all of them at once.
        BadInput: There is no usual shape for that many parameters.

    Example:
        >>> print(preset("1.75e11"))
        1.75e11: 174.6e9 parameters in 98 layers; an example of 2,048 tokens: 7.35e+14 operations \
forward, 473 GiB kept in float32
    """
    settings = _settings(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else {"size": text}
    if "size" in settings:
        shape = _usual(settings.pop("size"))
        settings = {**dict(zip(_KEYS, map(str, shape), strict=False)), **settings}
    return transformer(**_checked(settings), name=text)


def transformer(
    *, layers: int, width: int, heads: int, vocabulary: int, sequence: int, name: str = ""
) -> ModelProfile:
    """The profile of a transformer of `layers` blocks.

    Args:
        layers: Blocks.
        width: Of the residual stream, `h`.
        heads: Of attention, `a`; they divide the width.
        vocabulary: Tokens known, `V`.
        sequence: Tokens of an example, `s`.
        name: Of the profile.

    Raises:
        ConfigError: The heads do not divide the width.
    """
    if width % heads:
        raise ConfigError([f"heads={heads} does not divide width={width}; expected a divisor"])
    blocks = [_block(f"block_{i}", width, heads, sequence) for i in range(1, layers + 1)]
    name = name or f"{PREFIX}layers={layers},width={width},heads={heads}"
    parts = [_embedding(width, vocabulary, sequence), *blocks, _head(width, vocabulary, sequence)]
    return ModelProfile(name, tuple(parts), tokens=sequence, inputs=sequence)


def _block(name: str, width: int, heads: int, sequence: int) -> LayerProfile:
    """An attention and a perceptron; all figures are of one example."""
    numbers = sequence * width
    square = heads * sequence**2
    matrices = ((width, 3 * width), (width, width), (width, 4 * width), (4 * width, width))
    vectors = ((width,),) * 6 + ((3 * width,), (4 * width,))
    whole = 2 * width + 2 * width + 2 * width  # two norms; biases behind row-wise matrices
    parameters = sum(a * b for a, b in matrices) + sum(each for (each,) in vectors)
    return LayerProfile(
        name,
        shapes=(*matrices, *vectors),
        flops=2 * sequence * 12 * width**2 + 4 * sequence**2 * width,
        touched=20 * numbers + 3 * square,
        kept=Kept(4 * numbers, 2 * numbers),  # the 10 sbh of Korthikanti et al., equation 2
        kept_split=Kept(12 * numbers),  # their 24 sbh/t
        kept_cheap=Kept(2 * square, square),  # their 5 as²b/t
        output=numbers,
        split=parameters - whole,
        divisor=heads,
        reduced_forward=2 * numbers,
        reduced_backward=2 * numbers,
        reductions=2,
    )


def _embedding(width: int, vocabulary: int, sequence: int) -> LayerProfile:
    numbers = sequence * width
    return LayerProfile(
        "embedding",
        shapes=((vocabulary, width), (sequence, width)),
        touched=3 * numbers,
        kept=Kept(0, numbers),  # dropout's mask
        output=numbers,
        split=vocabulary * width,
        divisor=_padded(vocabulary),
        reduced_forward=numbers,
    )


def _head(width: int, vocabulary: int, sequence: int) -> LayerProfile:
    """Its matrix is the embedding's; that a last stage holds a copy of it is not counted."""
    return LayerProfile(
        "output",
        shapes=((width,), (width,)),
        flops=2 * sequence * width * vocabulary,
        touched=3 * sequence * vocabulary,
        kept=Kept(2 * sequence * width),
        kept_split=Kept(masks=4 * sequence * vocabulary),  # logits, always in float32
        output=0,
        split=1,  # its work is divided, of its own parameters none: those of a norm
        divisor=_padded(vocabulary),
        reduced_backward=sequence * width,
    )


def _padded(vocabulary: int) -> int:
    """Rows are added until a power of two divides them, as Megatron-LM does."""
    return -(-vocabulary // 1024) * 1024


def _settings(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    known = ("size", *_KEYS)
    problems = [
        f"unknown {key.strip()!r} in the model;{suggestion(key, known)} known: {', '.join(known)}"
        for key, _, _ in pairs
        if key.strip() not in known
    ]
    problems += [
        f"{key.strip()!r} in the model has no value" for key, _, value in pairs if not value
    ]
    if problems:
        raise ConfigError(problems)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _checked(settings: dict[str, str]) -> dict[str, int]:
    values, problems = dict(_DEFAULTS), []
    for key, text in settings.items():
        count = _as_count(text)
        if count is None or count < 1 or count != int(count):
            problems.append(f"{key}={text} in the model: expected a whole number of 1 or more")
        else:
            values[key] = int(count)
    missing = [key for key in _KEYS if key not in values and key not in settings]
    if missing:
        listed = ", ".join(missing)
        problems.append(f"the model {PREFIX} lacks {listed}; expected e.g. {_EXAMPLE}")
    if problems:
        raise ConfigError(problems)
    return values


def _usual(text: str) -> tuple[int, int, int]:
    count = _as_count(text)
    known = ", ".join(f"{size:g}".replace("e+0", "e").replace("e+", "e") for size in SIZES)
    if count is None or count not in SIZES:
        raise BadInput(
            f"no usual transformer has {text} parameters; known sizes: {known}; or give its shape, "
            f"e.g. {_EXAMPLE}"
        )
    return SIZES[count]


def _as_count(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?(e\+?[0-9]+)?", text.strip()) else None
