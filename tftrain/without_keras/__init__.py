"""What runs in a process that has no Keras, as TF Serving has none.

Nothing here imports anything else of tftrain than `graph_nodes`, which has no imports.
"""
