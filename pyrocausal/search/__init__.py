"""From evidence to graphs: moves, hill climbing, settling, draws from the posterior."""
