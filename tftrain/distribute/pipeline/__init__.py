"""Pipeline parallelism: a model's layers shared out over the devices of one machine.

    strategy = tftrain.distribute.strategy("pipeline", stages=2, micro_batches=4)
    with strategy.scope():
        model = keras.Sequential([keras.Input((784,)), ...])
        model.compile(...)
    model.fit(...)

A batch is cut into micro-batches; while one stage computes one of them, the next stage computes
the one before. Gradients are summed, and the optimizer takes one step a batch: the model learns
what it would learn on one device.
"""
