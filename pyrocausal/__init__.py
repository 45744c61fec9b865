"""Causal graphs from experiments whose targets nobody wrote down, as a probabilistic program in Pyro."""

from pyrocausal import simulate
from pyrocausal.checks.comparison import HeldOut
from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.findings import Diagnosis, Finding
from pyrocausal.checks.held_out import held_out_regimes, held_out_rows
from pyrocausal.checks.negative_control import RandomGraphControl, random_graph_control
from pyrocausal.checks.stability import Stability, stability
from pyrocausal.checks.verdict import Verdict, verdict
from pyrocausal.copies.refitting import Descent, Refitting
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.regime import Regime
from pyrocausal.data.table_findings import TableCheck, TableFinding, TableWarning
from pyrocausal.data.target_files import read_targets
from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.fit.discover import discover
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import EdgeBeliefs, IndependentBeliefs, OrientedBeliefs
from pyrocausal.model.exogenous import Exogenous, abduct
from pyrocausal.model.handlers import intervene, mask_sites
from pyrocausal.model.log_likelihood import score_graphs
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.per_variable import PerVariable
from pyrocausal.model.program import Program
from pyrocausal.plots.curves import plot_beliefs, plot_reliability
from pyrocausal.plots.effects import plot_effects
from pyrocausal.plots.graph import plot_graph
from pyrocausal.plots.heatmaps import plot_edges, plot_targets
from pyrocausal.plots.mechanisms import plot_mechanism
from pyrocausal.plots.predictive_check import plot_predictive
from pyrocausal.plots.strengths import plot_evidence, plot_strengths
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.chain import Chain
from pyrocausal.posterior.graph_metrics import shd, target_accuracy
from pyrocausal.posterior.graph_writing import write_graph
from pyrocausal.posterior.shared_graph import shared_knowledge
from pyrocausal.sdi import credit, settings, targets
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import CreditAssignment, GraphFitting, GraphScoring, Stopping
from pyrocausal.sdi.state import Info, State
from pyrocausal.sdi.target_prior import TargetPrior
from pyrocausal.search.graph_kernel import GraphKernel, Sampled, Sampling, sample_graphs
from pyrocausal.search.settings import Settling
from pyrocausal.search.settled import Settled
from pyrocausal.search.settling import settle
from pyrocausal.simulate import graphs, networks

__version__ = "0.1.0"

__all__ = [
    "SDI",
    "AtLeast",
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
    "Exogenous",
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
    "PerVariable",
    "Program",
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
    "TableCheck",
    "TableFinding",
    "TableWarning",
    "TargetPrior",
    "Verdict",
    "abduct",
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
    "plot_effects",
    "plot_evidence",
    "plot_graph",
    "plot_mechanism",
    "plot_predictive",
    "plot_reliability",
    "plot_strengths",
    "plot_targets",
    "random_graph_control",
    "read_targets",
    "sample_graphs",
    "score_graphs",
    "settings",
    "settle",
    "shared_knowledge",
    "shd",
    "simulate",
    "stability",
    "target_accuracy",
    "targets",
    "verdict",
    "write_graph",
]
