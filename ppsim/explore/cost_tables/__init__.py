"""Cost tables: what each layer of a network costs by itself, at many widths, for programs that prune by such tables."""
