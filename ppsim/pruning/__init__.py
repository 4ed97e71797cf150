"""From a network to a pruned, partitioned one."""
