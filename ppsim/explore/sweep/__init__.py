"""Sweeps: many design points from one specification, each durable as soon as it is done."""
