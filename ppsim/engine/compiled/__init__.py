"""The reference engine's loop as machine code, with the extra `compiled`: the same events, in the same order."""
