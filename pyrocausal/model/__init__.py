"""The probabilistic program: mechanisms and their heads, edge beliefs, handlers, new mechanisms."""
