"""What would happen: outcomes of interventions, effects, counterfactuals, of programs drawn from a posterior."""
