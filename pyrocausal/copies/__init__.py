"""Copies of mechanisms, each fitted to one parent set, by gradient or, for numbers, exactly; parents worth a fit."""
