"""What all tests share: property tests draw the same examples in every run and on every machine.

Tests of what needs PyTorch, an extra, are collected where it is installed.
"""

from importlib.util import find_spec

from hypothesis import settings

collect_ignore = [] if find_spec("torch") else ["pytorch"]

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")
