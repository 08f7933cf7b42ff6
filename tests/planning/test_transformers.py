"""Transformers by their sizes, against figures that their authors give."""

import pytest

from tftrain.errors import BadInput, ConfigError
from tftrain.planning import transformers
from tftrain.planning.transformers import preset


@pytest.mark.parametrize("size", transformers.SIZES)
def test_usual_sizes_have_the_parameters_in_their_names(size):
    assert preset(f"{size:g}").parameters == pytest.approx(size, rel=0.26 if size < 2e8 else 0.1)


def test_operations_are_those_of_megatron():
    """Narayanan et al., 2021, section 5.1: F = 96 B s l h² (1 + s/6h + V/16lh), recomputed."""
    layers, width, sequence, vocabulary = 96, 12288, 2048, 50257
    passes = 4  # forward, recomputed, backward
    fraction = 1 + sequence / (6 * width) + vocabulary / (16 * layers * width)
    whole = 96 * sequence * layers * width**2 * fraction
    # They do not recompute the output.
    ours = passes * preset("1.75e11").flops - 2 * sequence * width * vocabulary
    assert ours == pytest.approx(whole, rel=1e-3)


def test_activations_are_those_of_korthikanti():
    """Table 2, without parallelism: sbh (34 + 5 as/h) bytes a layer in 16 bits."""
    layers, width, heads, sequence = 2, 1024, 16, 512
    profile = preset(f"transformer:layers={layers},width={width},heads={heads},sequence={sequence}")
    block = profile.layers[1]
    kept = (block.kept + block.kept_split + block.kept_cheap).size(2)
    assert kept == sequence * width * (34 + 5 * heads * sequence / width)


@pytest.mark.parametrize("bytes_of_float", [2, 4])
def test_logits_are_float32_in_every_precision(bytes_of_float):
    """Korthikanti et al., section 4.3: 4 sbv bytes."""
    head = preset("transformer:layers=1,width=8,heads=2,vocabulary=100,sequence=16").layers[-1]
    assert head.kept_split.size(bytes_of_float) == 4 * 16 * 100


def test_other_sequences_of_usual_sizes():
    assert preset("transformer:size=1e10,sequence=4096").tokens == 4096


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("transformer:layers=2,width=8", "lacks heads"),
        ("transformer:layers=2,width=8,head=2", "unknown 'head' in the model; did you mean"),
        ("transformer:layers=0,width=8,heads=2", "layers=0 in the model: expected a whole number"),
        ("transformer:layers=two,width=8,heads=2", "layers=two in the model"),
        ("transformer:layers=2,width=9,heads=2", "heads=2 does not divide width=9"),
        ("transformer:layers=,width=8,heads=2", "'layers' in the model has no value"),
    ],
)
def test_wrong_shapes_are_named(text, said):
    with pytest.raises(ConfigError) as caught:
        preset(text)
    assert said in str(caught.value)


def test_unusual_sizes_are_listed():
    with pytest.raises(BadInput, match=r"no usual transformer has 2e10 parameters.*1\.3e10"):
        preset("2e10")
