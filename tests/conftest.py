"""What all tests share: property tests draw the same examples in every run and on every machine."""

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")
