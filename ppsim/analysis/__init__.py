"""From a Trace to numbers people use: energy ledger, results per layer and component, comparisons, figures."""
