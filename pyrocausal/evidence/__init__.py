"""Evidence of a family (a variable and its parents), and joint evidence of a graph with targets summed out."""
