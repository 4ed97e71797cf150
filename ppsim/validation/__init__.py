"""How far ppsim's numbers are from an independent model, from other simulators, from formulas and from hardware."""
