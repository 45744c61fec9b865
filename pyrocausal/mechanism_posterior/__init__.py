"""What rows leave open of the mechanism of a variable given its parents: posteriors, and draws from them."""
