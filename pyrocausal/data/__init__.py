"""Tables: what a column may hold, kinds, weights, gaps, readers, regimes, `InterventionalData`, `Knowledge`."""
