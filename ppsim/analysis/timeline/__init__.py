"""The timeline of a run: who was busy when, with what, at which bandwidth and power."""
