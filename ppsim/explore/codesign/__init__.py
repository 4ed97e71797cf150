"""Co-design: parts, kept blocks, widths and ranks that lose the least within a simulated budget."""
