"""Networks: layers, graphs of layers, their lowering to matrix products, and pruned partitioned graphs."""
