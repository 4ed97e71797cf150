"""Many simulations for one question: the paper's experiment, and the search for what its numbers rest on."""
