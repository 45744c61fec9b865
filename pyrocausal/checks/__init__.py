"""Checks of a fit that need no truth: held-out rows and regimes, negative control, stability, `diagnose`."""
