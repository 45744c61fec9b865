"""Fits replaced by what they should find, and small problems with a known truth."""

from __future__ import annotations

import networkx as nx
import numpy as np
import torch
from conftest import make_chain

from pyrocausal import simulate
from pyrocausal.checks import held_out
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import IndependentBeliefs
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.sdi.targets import known_targets
from pyrocausal.simulate import graphs


def matrix(graph, names) -> torch.Tensor:
    return torch.as_tensor(nx.to_numpy_array(graph, names, weight=None).T)


def posterior(data, graph, targets, several=False) -> CausalPosterior:
    """What a fit would give back that is sure of a graph and of targets, and whether there may be several."""
    edges = matrix(graph, data.names).float()
    _, hit = known_targets(data.names, [targets[name] for name in data.regime_names])
    hit = torch.cat([hit, ~hit.any(1, keepdim=True)], 1).float()
    beliefs = IndependentBeliefs(fixed_edges(data.names))
    model = CausalModel(data.names, data.kinds, NeuralMechanisms(data.kinds, 2), beliefs)
    return CausalPosterior(data, (make_chain(model, edges, hit, several=several),), 0)


def replace_fits(monkeypatch, graph, targets) -> list:
    """Let every fit find a graph and targets; the list fills with the (data, options) it was asked for."""
    asked = []

    def fit(data, **options):
        asked.append((data, options))
        prior = options.get("target_prior")
        return posterior(data, graph, targets, prior is not None and bool(prior.several))

    monkeypatch.setattr(held_out, "discover", fit)
    return asked


def problem(seed, d=5, rows=2000, regime_rows=400):
    """Random neural tables of three states, hard interventions on every variable."""
    rng = np.random.default_rng(seed)
    graph = graphs.random_dag(d, 1.5, rng)
    truth, _ = simulate.neural_network_truth(graph, rng, states=3, min_information=0.02)
    made = simulate.simulate(
        truth, intervention=simulate.hard_random, rows=rows, rows_per_regime=regime_rows, seed=seed
    )
    return made.data, made.data.truth, made.targets
