"""Training over many devices and many hosts with tf.distribute."""
