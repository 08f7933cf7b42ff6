"""Which signatures a model is given, and why it is not given others."""

import pytest

from tftrain import export
from tftrain.errors import ExportError, UnknownName
from tftrain.export import served_model, signature_choice, traced_model
from tftrain.keras_api import keras, tf

layers = keras.layers


def chosen(model, wanted=None, labels=None, raw=None):
    traced = traced_model.trace(served_model.served_model(model, None, raw), labels)
    return signature_choice.choose(wanted, traced)


def dense(units, activation=None, shape=(3,)):
    return keras.Sequential(
        [keras.Input(shape), layers.Flatten(), layers.Dense(units, activation=activation)]
    )


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: dense(3, "softmax"), ["serving_default", "classify"]),
        (lambda: dense(1, "sigmoid"), ["serving_default", "classify"]),
        (lambda: dense(1), ["serving_default", "regress"]),
        (lambda: dense(3), ["serving_default"]),
        (lambda: dense(3, "softmax", (4, 4, 3)), ["serving_default", "bytes", "classify"]),
        (lambda: dense(1, None, (4, 4, 1)), ["serving_default", "bytes", "regress"]),
        (lambda: dense(1, None, (4, 4, 2)), ["serving_default", "regress"]),
    ],
)
def test_a_model_is_given_what_suits_it(make, names):
    assert chosen(make()) == tuple(names)


def test_labels_make_a_classifier_of_logits():
    assert chosen(dense(2), labels=("a", "b")) == ("serving_default", "classify")


def test_serving_default_is_always_there():
    assert chosen(dense(3), ["classify"]) == ("serving_default", "classify")
    assert chosen(dense(3, "softmax"), "classify") == ("serving_default", "classify")
    assert chosen(dense(3, "softmax"), []) == ("serving_default",)


def test_an_unknown_signature_is_refused():
    with pytest.raises(UnknownName, match="unknown signature 'clasify'; did you mean 'classify'"):
        chosen(dense(3), ["clasify"])


def two_inputs():
    inputs = [keras.Input((4, 4, 3), name="a"), keras.Input((4, 4, 3), name="b")]
    return keras.Model(inputs, layers.Add()(inputs))


def of_any_length():
    inputs = keras.Input((None, 2))
    return keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(inputs)))


def rescaling():
    return keras.Sequential([keras.Input((4, 4, 3)), layers.Rescaling(1 / 255), layers.Flatten(),
                             layers.Dense(2)])  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("bytes", lambda: dense(2), r"\[any, 3\]; expected \[any, H, W, 1 or 3\]"),
        ("bytes", two_inputs, "2 inputs"),
        ("bytes", rescaling, "unknown whether floats are 0 to 1 or 0 to 255: give raw=tf.Tensor"),
        ("classify", lambda: dense(1), "from a sigmoid"),
        ("classify", two_inputs, "one output of scores"),
        ("regress", lambda: dense(2), "one output of one number"),
        ("regress", of_any_length, "a feature of an Example has a fixed size"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(name, make, reason):
    with pytest.raises(
        ExportError, match=f"signature '{name}' does not fit this model: .*{reason}"
    ):
        chosen(make(), [name])


def test_the_remedy_for_a_model_that_rescales_works():
    raw = tf.TensorSpec((None, 4, 4, 3), tf.uint8)
    assert chosen(rescaling(), ["bytes"], raw=raw) == ("serving_default", "bytes")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a"], "1 labels; expected one for each class, two at least"),
        (["a", "b", "c"], "3 labels, but the model tells 2 classes apart"),
        (["a", "b\nc"], r"label 1 is 'b\\nc'; expected a name in one line"),
        (["a", ""], "label 1 is ''"),
        ("ab", "expected a sequence of names"),
    ],
)
def test_labels_of_the_wrong_kind_or_count_are_refused(labels, said, small_model, tmp_path):
    with pytest.raises(ExportError, match=said):
        export.saved_model(small_model, tmp_path / "base", labels=labels)
    assert not (tmp_path / "base").exists()


def test_labels_need_one_output(tmp_path):
    with pytest.raises(ExportError, match=r"labels need one output of scores .*add \[None, 4, 4"):
        export.saved_model(two_inputs_and_outputs(), tmp_path, labels=["a", "b"])


def test_an_output_is_not_hidden_by_the_label(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, {"label": layers.Dense(2)(inputs)})
    with pytest.raises(ExportError, match="output is called 'label', as is what labels add"):
        export.saved_model(model, tmp_path, labels=["a", "b"])


def two_inputs_and_outputs():
    inputs = [keras.Input((4, 4, 3), name="a"), keras.Input((4, 4, 3), name="b")]
    return keras.Model(inputs, [layers.Add(name="add")(inputs), layers.Subtract()(inputs)])


def test_a_softmax_is_found_behind_a_cast():
    inputs = keras.Input((3,))
    outputs = layers.Dense(2, activation="softmax", dtype="mixed_bfloat16")(inputs)
    assert "classify" in chosen(keras.Model(inputs, outputs))
