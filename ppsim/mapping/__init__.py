"""From a network and a system to a Program: what accelerators load, compute, store and send, and in what order."""
