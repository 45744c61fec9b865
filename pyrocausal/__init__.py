"""Causal graphs from experiments whose targets nobody wrote down, as a probabilistic program in Pyro."""

from pyrocausal import credit, graphs, networks, settings, simulate, targets
from pyrocausal.beliefs import EdgeBeliefs, IndependentBeliefs, OrientedBeliefs
from pyrocausal.chain import Chain
from pyrocausal.comparison import HeldOut
from pyrocausal.control import RandomGraphControl, random_graph_control
from pyrocausal.curves import plot_beliefs, plot_reliability
from pyrocausal.data import InterventionalData
from pyrocausal.diagnostics import diagnose
from pyrocausal.discover import discover
from pyrocausal.evidence import JointEvidence
from pyrocausal.findings import Diagnosis, Finding
from pyrocausal.handlers import intervene, mask_sites
from pyrocausal.heatmaps import plot_edges, plot_targets
from pyrocausal.heldout import held_out_regimes, held_out_rows
from pyrocausal.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.knowledge import Knowledge
from pyrocausal.mechanisms import Mechanisms
from pyrocausal.metrics import shd, target_accuracy
from pyrocausal.model import CausalModel
from pyrocausal.neural import NeuralMechanisms
from pyrocausal.plots import plot_graph
from pyrocausal.predictions import plot_predictive
from pyrocausal.refitting import Descent, Refitting
from pyrocausal.regime import Regime
from pyrocausal.result import CausalPosterior
from pyrocausal.sampling import GraphKernel, Sampled, Sampling, sample_graphs
from pyrocausal.scoring import score_graphs
from pyrocausal.sdi import SDI
from pyrocausal.settings import CreditAssignment, GraphFitting, GraphScoring, Stopping
from pyrocausal.settle import Settled, Settling, settle
from pyrocausal.stability import Stability, stability
from pyrocausal.state import Info, State
from pyrocausal.targets import TargetPrior

__version__ = "0.1.0"

__all__ = [
    "SDI",
    "Categorical",
    "CausalModel",
    "CausalPosterior",
    "Chain",
    "Continuous",
    "Count",
    "CreditAssignment",
    "Descent",
    "Diagnosis",
    "EdgeBeliefs",
    "Exposure",
    "Finding",
    "GraphFitting",
    "GraphKernel",
    "GraphScoring",
    "HeldOut",
    "IndependentBeliefs",
    "Info",
    "InterventionalData",
    "JointEvidence",
    "Knowledge",
    "Mechanisms",
    "NeuralMechanisms",
    "OrientedBeliefs",
    "RandomGraphControl",
    "Refitting",
    "Regime",
    "Sampled",
    "Sampling",
    "Settled",
    "Settling",
    "Stability",
    "State",
    "Stopping",
    "TargetPrior",
    "credit",
    "diagnose",
    "discover",
    "graphs",
    "held_out_regimes",
    "held_out_rows",
    "intervene",
    "mask_sites",
    "networks",
    "plot_beliefs",
    "plot_edges",
    "plot_graph",
    "plot_predictive",
    "plot_reliability",
    "plot_targets",
    "random_graph_control",
    "sample_graphs",
    "score_graphs",
    "settings",
    "settle",
    "shd",
    "simulate",
    "stability",
    "target_accuracy",
    "targets",
]
