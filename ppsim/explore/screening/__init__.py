"""Screening: exact lower bounds on latency and energy, many design points at once, and which points they rule out."""
