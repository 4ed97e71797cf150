"""Specifications of arrays, buffers, DRAM, interconnect and energy, and the laws each of them obeys."""
