"""The front door: `discover`, chains in parallel, and how they report."""
