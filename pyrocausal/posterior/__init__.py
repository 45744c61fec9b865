"""What a fit ends with: chains, `CausalPosterior`, groups for ArviZ, metrics against a truth."""
