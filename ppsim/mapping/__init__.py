"""From a network and a system to a Program: what each accelerator loads, computes, stores and sends, and in what order."""
