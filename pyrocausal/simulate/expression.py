"""Simulated gene expression: genes that regulate genes, and counts of cells whose noise genes share.

In a steady state a gene's level is its production, which its regulators turn up or down, times noise of its own:

    x_i = factor_i (b_i + sum_j k_ij h_ij(x_j)) exp(s e)        e ~ N(0, 1)
    h_ij(x) = x^2 / (u_j^2 + x^2)  of an activator, one minus that of a repressor; u_j is the regulator's usual level

Nobody sees levels. Of a cell some molecules are counted, as many of each gene as its level, the cell's size and a few
states of the cell that nobody knows of ask for:

    count_i ~ Poisson(depth x_i exp(r z_0 + sum_f l_if z_f))        z ~ N(0, 1) for every cell

So genes are correlated beyond regulation wherever r or the loadings l are not 0, and a regulator is known up to noise.

References
----------
P. Dibaeinia, S. Sinha, "SERGIO: a single-cell expression simulator guided by gene regulatory networks", Cell Systems
2020: Hill functions in a steady state. There cells follow a stochastic differential equation; here its noise is
log-normal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import networkx as nx
import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pyrocausal.simulate.ground_truth import GroundTruth, draw_along
from pyrocausal.simulate.interventions import Intervention
from pyrocausal.simulate.truth_mechanisms import Floats, Mechanism

__all__ = ["Measurement", "Regulated", "cell_counts", "expression_truth", "knock_down"]

NOISE = 0.4  # standard deviation of the logarithm of a level, given its regulators


@dataclass(frozen=True, eq=False)
class Regulated:
    """The level of a gene: factor (base + sum of gains over Hill functions), times log-normal noise.

    Attributes
    ----------
    base
        Production without regulators.
    gains
        Of each regulator at its most, [p]; below 0 for a repressor, whose production is its size where it is absent.
    usual
        Level of each regulator at which half of its gain is reached, [p].
    factor
        Of all production, as an intervention may change it.
    """

    base: float
    gains: Floats
    usual: Floats
    factor: float = 1.0

    @classmethod
    def draw(cls, reference: Floats, rng: Generator) -> Regulated:
        """Draw one on levels of its regulators [m, p]: base U(0.5, 1), gains U(1, 3), one in three of a repressor.

        Without regulators the base is U(1, 3).
        """
        p = reference.shape[1]
        if not p:
            return cls(rng.uniform(1.0, 3.0), np.empty(0), np.empty(0))
        signs = np.where(rng.random(p) < 1 / 3, -1.0, 1.0)
        return cls(rng.uniform(0.5, 1.0), signs * rng.uniform(1.0, 3.0, p), np.median(reference, 0))

    def production(self, parents: Floats) -> Floats:
        """Production [n] given levels of regulators [n, p]."""
        active = parents**2 / (self.usual**2 + parents**2)
        return self.factor * (self.base + np.where(self.gains > 0, active, 1 - active) @ np.abs(self.gains))

    def sample(self, parents: Floats, rng: Generator) -> NDArray:
        """Draw levels [n] given those of regulators [n, p]."""
        return self.production(parents) * np.exp(NOISE * rng.standard_normal(len(parents)))

    def redraw(self, rng: Generator) -> Regulated:
        """Draw another base and other gains."""
        found = Regulated.draw(self.usual[None], rng)
        return replace(found, factor=self.factor)


def expression_truth(graph: nx.DiGraph, rng: Generator) -> GroundTruth:
    """Draw how genes regulate each other; variables are their levels in a cell.

    Parameters
    ----------
    graph
        A DAG, regulator -> regulated.
    rng
        Source of randomness.
    """
    mechanisms = draw_along(graph, rng, lambda _, levels: Regulated.draw(levels, rng))
    return GroundTruth(graph, mechanisms, dict.fromkeys(graph))


def knock_down(to: float = 0.2) -> Intervention:
    """Let a share of a gene's production remain; its regulators work as before.

    Parameters
    ----------
    to
        The share, in [0, 1); 0 knocks the gene out.

    Raises
    ------
    ValueError
        When the share is out of range, or the intervention is applied to a target that is no gene.
    """
    if not 0 <= to < 1:
        raise ValueError(f"to must be at least 0 and less than 1; got {to}")

    def silence(truth: GroundTruth, target: str, rng: Generator, /) -> Mechanism:
        if not isinstance(mechanism := truth.mechanisms[target], Regulated):
            raise ValueError(f"target {target!r} is no gene of an expression_truth; take scale or shift")
        return replace(mechanism, factor=to * mechanism.factor)

    return silence


class Measurement(Protocol):
    """Makes the table that is seen of the one that is true."""

    def __call__(self, table: pd.DataFrame, rng: Generator, /) -> pd.DataFrame:
        """Measure rows [n, d]; the columns stay what they are called."""
        ...


def cell_counts(
    graph: nx.DiGraph, rng: Generator, *, depth: float = 5.0, size: float = 0.0, loadings: float = 0.0, states: int = 3
) -> Measurement:
    """Count the molecules of every cell; what is seen is log(1 + count).

    Parameters
    ----------
    graph
        Of the genes.
    rng
        Draws how each gene follows the states of a cell; cells themselves come from the generator of their table.
    depth
        Molecules counted of a level of 1.
    size
        Standard deviation of the logarithm of a cell's size, which all genes share.
    loadings
        Standard deviation of what a state of the cell does to the logarithm of a gene's count.
    states
        States of the cell that nobody knows of.

    Raises
    ------
    ValueError
        When depth is not positive, size, loadings or states are negative or, as tables are measured, another gene
        comes.
    """
    if not depth > 0 or min(size, loadings, states) < 0:
        raise ValueError(
            f"depth must be positive, and size, loadings and states not negative; got {depth}, {size}, {loadings} "
            f"and {states}"
        )
    names = list(graph)
    shared = np.concatenate([np.full((1, len(names)), size), loadings * rng.standard_normal((states, len(names)))])

    def count(table: pd.DataFrame, rng: Generator, /) -> pd.DataFrame:
        if list(table) != names:
            raise ValueError(f"table must have the genes {names} as columns; got {list(table)}")
        beside = rng.standard_normal((len(table), len(shared))) @ shared  # [n, d]
        counts = rng.poisson(depth * table.to_numpy() * np.exp(beside))
        return pd.DataFrame(np.log1p(counts), table.index, table.columns)

    return count
