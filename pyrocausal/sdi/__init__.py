"""The three phases: settings, rows, state, target rules, credit, the algorithm."""
