"""Discrete events: a Program in, a Trace out. Time is integer femtoseconds; the engine decides nothing."""
