"""The methods of signatures, which `tf.saved_model.save` cannot be told."""


def set_methods(folder, methods):
    """Gives signatures of a SavedModel their methods, by name."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, method in methods.items():
        saved.meta_graphs[0].signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString())
