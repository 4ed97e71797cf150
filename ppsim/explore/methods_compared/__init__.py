"""Methods of pruning side by side: brought to the same simulated latency, or to the same MACs."""
