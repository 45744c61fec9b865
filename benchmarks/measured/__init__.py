"""Measured data, which are not part of the repository: how they are read, fitted, and held against what is known."""
