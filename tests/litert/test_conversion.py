"""Every kind of model, in every mode that it has, beside what Keras answers."""

import numpy as np
import pytest

from tests.litert import sample_models
from tests.litert.modes_at_hand import INT4, MODES
from tftrain import litert
from tftrain.compress.tf_keras_api import tf_keras
from tftrain.errors import CompressionError, ConversionFailed, UnknownName
from tftrain.keras_api import keras, tf
from tftrain.litert import four_bits, tracing


@pytest.mark.parametrize("kind", sample_models.KERAS_3)
def test_a_float_conversion_answers_as_keras_does(kind, sample, lite):
    model, examples = sample(kind), litert.example_inputs(sample(kind))
    litert.require_alike(model, lite(kind), examples)


@pytest.mark.parametrize("kind", sample_models.TF_KERAS)
def test_a_tf_keras_model_is_converted_likewise(kind):
    model = sample_models.TF_KERAS[kind]()
    lite = litert.convert(model)
    litert.require_alike(model, lite, litert.example_inputs(model))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["mlp", "cnn", "dicts", "unrolled_lstm"])
def test_a_quantized_conversion_follows_keras(kind, mode, sample, lite):
    litert.require_alike(sample(kind), lite(kind, mode), litert.example_inputs(sample(kind)), mode)


@pytest.mark.parametrize("kind", ["embedding", "two_inputs"])
def test_models_without_dense_layers_become_integer(kind, sample, lite):
    examples = litert.example_inputs(sample(kind))
    litert.require_alike(sample(kind), lite(kind, "int8"), examples, "int8")


@pytest.mark.parametrize("mode", ["dynamic", "float16", INT4])
def test_attention_is_quantized_but_to_integers(mode, sample, lite):
    examples = litert.example_inputs(sample("attention"))
    litert.require_alike(sample("attention"), lite("attention", mode), examples, mode)


@pytest.mark.parametrize("mode", ["dynamic", "float16", INT4])
def test_a_recurrent_model_can_be_quantized_in_part(mode, sample, lite):
    examples = litert.example_inputs(sample("lstm"))
    litert.require_alike(sample("lstm"), lite("lstm", mode), examples, mode)


@pytest.mark.parametrize(
    ("mode", "share"),
    [
        ("float16", 1 / 2),
        ("dynamic", 1 / 4),
        ("int8", 1 / 4),
        pytest.param(*INT4.values, 1 / 8, marks=INT4.marks),
    ],
)
def test_sizes_shrink_as_the_mode_says(mode, share):
    model = keras.Sequential([keras.Input((64,)), *map(keras.layers.Dense, (256, 256, 8))])
    lite = litert.convert(model, mode, np.ones((4, 64)))
    assert lite.size / (4 * model.count_params()) == pytest.approx(share, abs=0.04)


def test_int8_takes_and_gives_floats_unless_told_otherwise(sample, lite):
    floats = lite("mlp", "int8")
    examples = litert.example_inputs(sample("mlp"))
    integers = litert.convert(sample("mlp"), "int8", examples, integer_io=True)
    assert [dtype for _, dtype in (*floats.inputs.values(), *floats.outputs.values())] == [
        np.float32
    ] * 2
    assert [dtype for _, dtype in (*integers.inputs.values(), *integers.outputs.values())] == [
        np.int8
    ] * 2
    litert.require_alike(sample("mlp"), integers, examples, "int8")


def test_the_ranges_of_two_inputs_are_not_exchanged(sample):
    random = np.random.default_rng(0)
    inputs = {"zebra": random.normal(0, 100, (200, 4)), "ant": random.normal(0, 0.1, (200, 4))}
    inputs = {name: array.astype("float32") for name, array in inputs.items()}
    lite = litert.convert(sample("two_inputs"), "int8", inputs, integer_io=True)
    interpreter_scales = {
        name: one["quantization"][0] for name, one in lite._runner.get_input_details().items()
    }
    assert interpreter_scales["zebra"] > 100 * interpreter_scales["ant"]


def test_a_model_trained_for_quantization_needs_no_representative_data():
    model = sample_models.quantization_aware()
    lite, examples = litert.convert(model, "int8"), litert.example_inputs(model)
    assert [dtype for _, dtype in lite.inputs.values()] == [np.float32]
    litert.require_alike(model, lite, examples, "int8")
    assert litert.convert(model, "int8", examples).content == lite.content
    integers = litert.convert(model, "int8", integer_io=True)
    assert [dtype for _, dtype in integers.inputs.values()] == [np.int8]
    litert.require_alike(model, integers, examples, "int8")
    kinds = {detail["dtype"] for detail in lite._interpreter.get_tensor_details()}
    assert np.int8 in kinds


def test_a_crash_of_the_converter_is_an_error_with_a_way_out(sample):
    examples = litert.example_inputs(sample("lstm"))
    with pytest.raises(ConversionFailed, match=r"SIGSEGV.*unroll=True on 'lstm\w*'.*'dynamic'"):
        litert.convert(sample("lstm"), "int8", examples)


def test_the_way_out_of_a_crash_works():
    model = sample_models.recurrent("GRU")
    model.layers[1].unroll = True
    examples = litert.example_inputs(model)
    lite = litert.convert(model, "int8", examples)
    litert.require_alike(model, lite, examples, "int8")


def test_an_operation_that_litert_lacks_is_named():
    inputs = keras.Input((4, 4))
    model = keras.Model(inputs, keras.layers.Lambda(tf.linalg.inv)(inputs))
    with pytest.raises(ConversionFailed, match="no operation for MatrixInverse") as caught:
        litert.convert(model)
    assert "MatrixInverse" in caught.value.log


@pytest.mark.parametrize("mode", [INT4])
def test_a_model_that_has_nothing_for_four_bits_is_refused(mode, sample):
    with pytest.raises(ConversionFailed, match=r"no layer .* in 4 bits.*: choose mode 'dynamic'"):
        litert.convert(sample("two_inputs"), mode)


def test_four_bits_need_the_quantizer(sample, monkeypatch):
    monkeypatch.setattr(four_bits, "_LIBRARY", "no_such_quantizer")
    with pytest.raises(CompressionError, match=r"pip install 'tftrain\[int4\]'"):
        litert.convert(sample("mlp"), "int4")


def test_a_gpu_s_own_operations_are_kept_out():
    model = sample_models.recurrent("LSTM")
    with tracing._inference(model):
        assert model.layers[1].use_cudnn is False


def test_the_model_is_left_as_it_was(sample):
    model = sample("mixed_bfloat16")
    litert.convert(model)
    assert [layer.compute_dtype for layer in model.layers[1:]] == ["bfloat16"] * 2
    lstm = sample_models.recurrent("LSTM")
    litert.convert(lstm)
    assert lstm.layers[1].use_cudnn == "auto"


def test_a_tf_keras_model_is_left_as_it_was():
    model = sample_models.recurrent("LSTM", tf_keras)
    before = model.layers[1]._could_use_gpu_kernel
    litert.convert(model)
    assert model.layers[1]._could_use_gpu_kernel is before is True


def test_half_precision_of_tf_keras_is_converted_too():
    layers = tf_keras.layers
    inputs = layers.Input((6,))
    outputs = layers.Dense(3, dtype=tf_keras.mixed_precision.Policy("mixed_bfloat16"))(inputs)
    model = tf_keras.Model(inputs, outputs)
    litert.require_alike(model, litert.convert(model), litert.example_inputs(model))
    assert model.layers[1].compute_dtype == "bfloat16"


def test_nothing_is_said(sample, capfd):
    litert.convert(sample("cnn"), "dynamic").predict(np.zeros((1, 8, 8, 1)))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_unknown_modes_are_refused(sample):
    with pytest.raises(UnknownName, match="unknown quantization mode 'int9'; did you mean 'int8'"):
        litert.convert(sample("mlp"), "int9")


def test_what_is_no_model_is_refused():
    with pytest.raises(CompressionError, match=r"expected a model of Keras 3 or tf_keras; .* str"):
        litert.convert("model.keras")


def test_an_unbuilt_model_is_refused():
    with pytest.raises(CompressionError, match="is not built"):
        litert.convert(keras.Sequential([keras.layers.Dense(1)]))


def test_a_subclassed_model_of_several_arguments_is_refused():
    class Adding(keras.Model):
        def call(self, one, other):
            return one + other

    model = Adding()
    model(keras.ops.ones((1, 2)), keras.ops.ones((1, 2)))
    with pytest.raises(CompressionError, match="make it a Functional model"):
        litert.convert(model)


def test_a_model_quantized_by_keras_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="small")])
    model.layers[0].quantize("int8")
    with pytest.raises(CompressionError, match=r"'small' was quantized by Keras \(int8\)"):
        litert.convert(model)


def test_a_model_of_texts_is_refused():
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"])
    inputs = keras.Input((1,), dtype="string")
    with pytest.raises(CompressionError, match="takes texts, LiteRT numbers"):
        litert.convert(keras.Model(inputs, lookup(inputs)))


def test_broken_weights_are_named():
    model = sample_models.mlp()
    kernel = model.layers[0].kernel
    kernel.assign(kernel.numpy() * np.nan)
    with pytest.raises(CompressionError, match=f"{kernel.path}.* holds NaN"):
        litert.convert(model)


def test_int8_needs_representative_data(sample):
    with pytest.raises(CompressionError, match="'int8' needs representative data"):
        litert.convert(sample("mlp"), "int8")


def test_integers_at_the_ends_need_int8(sample):
    with pytest.raises(CompressionError, match="integer_io=True needs quantization 'int8'"):
        litert.convert(sample("mlp"), "dynamic", integer_io=True)
