"""A result in tables and in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import pandas as pd

from pyrocausal.checks.stability import stability
from pyrocausal.data.at_least import AtLeast, named
from pyrocausal.data.columns import number_of
from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.weights import join, of_total
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.posterior.graph_metrics import shd
from pyrocausal.posterior.tables import UNDECIDED

__all__ = ["chain_table", "compare", "facts", "in_words", "settings_table"]

LISTED = 12  # names in a sentence, at the most


def chain_table(result: CausalPosterior) -> pd.DataFrame:
    """A row per chain, as texts: how it went, and what it ended with."""
    known = [chain.evidence for chain in result.chains if not math.isnan(chain.evidence)]
    rows, places = [], result.data.places
    for number, chain in enumerate(result.chains):
        row = {
            "chain": str(number) + (" (best)" if chain is result.best and len(result.chains) > 1 else ""),
            "seed": str(chain.seed),
            "settled": "yes" if chain.settled else "no",
            "steps of the three phases": str(len(chain.trace)),
        }
        if len(chain.rounds) and not math.isnan(chain.evidence):
            row["rounds of settling"] = str(len(chain.rounds))
            row["evidence, below the most (nats)"] = f"{max(known) - chain.evidence:.1f}"
        row["edges of its graph"] = str(int(chain.dag[places][:, places].sum()))  # those of covariates are not counted
        if chain.graphs is not None:
            row["graphs drawn"] = f"{len(chain.graphs):,}"
        if chain.accepted is not None:
            row["moves accepted"] = f"{chain.accepted:.0%}"
        row["processor time (s)"] = f"{chain.cpu_seconds:.1f}"
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def compare(found: nx.DiGraph, truth: nx.DiGraph) -> dict[str, list[tuple[str, str]]]:
    """Edges (cause, effect) that are right, extra, reversed (as found) and missing."""
    rest = [edge for edge in found.edges if not truth.has_edge(*edge)]
    return {
        "right": [edge for edge in found.edges if truth.has_edge(*edge)],
        "extra": [edge for edge in rest if not truth.has_edge(*edge[::-1])],
        "reversed": [edge for edge in rest if truth.has_edge(*edge[::-1])],
        "missing": [(c, e) for c, e in truth.edges if not found.has_edge(c, e) and not found.has_edge(e, c)],
    }


def facts(result: CausalPosterior) -> dict[str, str]:
    """What was fitted, and with which seed."""
    data, chains = result.data, result.chains
    sorts = {"categorical": Categorical, "continuous": Continuous, "counts": Count, "exposures": Exposure}
    held = {what: sum(isinstance(kind, sort) for kind in data.kinds) for what, sort in sorts.items()}
    listed = [f"{number} {what}" for what, number in held.items() if number or what in ("categorical", "continuous")]
    if data.covariates:
        listed.append(f"{len(data.covariates)} of them covariates: {', '.join(data.covariates)}")
    in_regimes = [len(regime.rows) for regime in data.regimes]
    weights = join([regime.rows for regime in data.regimes], [regime.weights for regime in data.regimes])
    known = sum(isinstance(regime.targets, tuple) for regime in data.regimes)
    partly = sum(isinstance(regime.targets, AtLeast) for regime in data.regimes)
    return {
        "variables": f"{data.d} ({', '.join(listed)})",
        "observational rows": f"{data.n:,}" + of_total(data.observational_weights),
        "regimes": f"{len(in_regimes)} with {sum(in_regimes):,} rows{of_total(weights)}; "
        f"targets of {known} known beforehand" + (f", of {partly} in part" if partly else ""),
        "chains, independent restarts": f"{len(chains)}, settled: {sum(chain.settled for chain in chains)}",
        "seed": str(result.seed),
        "processor time": f"{sum(chain.cpu_seconds for chain in chains):.1f} s",
    }


def settings_table(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Names and values of nested settings, such as ("algorithm.fitting.rows", "256")."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            rows += settings_table(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", "none" if value is None or value == {} else str(value)))
    return rows


# ---------------------------------------------------------------------- plain words
def in_words(result: CausalPosterior) -> list[str]:
    """What was found, and what it rests on, in a few sentences."""
    data, (low, high) = result.data, UNDECIDED
    nodes = number_of(len(data.nodes), "variable")
    table = result.edges(None)
    found = int((table.probability > 0.5).sum())
    undecided = int(table.probability.between(low, high).sum())
    sure = int((table.probability > high).sum())
    rows = sum(len(regime.rows) for regime in data.regimes)
    of_regimes = join([regime.rows for regime in data.regimes], [regime.weights for regime in data.regimes])
    return [
        f"{number_of(found, 'edge')} among {nodes} {_are(found)} believed with more than 0.5, "
        f"{sure} with more than {high:g}. "
        f"{number_of(undecided, 'ordered pair')} {_are(undecided)} undecided, between {low:g} and {high:g}.",
        *_targets(result),
        f"This rests on {number_of(data.n, 'row')}{of_total(data.observational_weights)} without intervention and "
        f"{number_of(rows, 'row')}{of_total(of_regimes)} in {number_of(len(data.regimes), 'regime')}, one regime per "
        "condition.",
        *_chains(result),
        *([f"{result.stopped}."] if result.stopped else []),
        *_truth(result),
        f"The seed was {result.seed}; settings and versions are at the end.",
    ]


def _targets(result: CausalPosterior) -> list[str]:
    data, found = result.data, result.targets()
    unknown = [regime.name for regime in data.regimes if regime.targets is None]
    told = []
    if unknown:
        hit = [f"{name} on {' and '.join(found[name])}" for name in unknown if found[name]]
        nobody = [name for name in unknown if not found[name]]
        act = f"{len(hit)} {'acts' if len(hit) == 1 else 'act'} on a variable with probability above 0.5"
        told.append(f"Of {number_of(len(unknown), 'regime')} with unknown targets, {act}{_listed(hit)}.")
        if nobody:
            told.append(f"No target of {number_of(len(nobody), 'regime')} is that probable{_listed(nobody)}.")
    if partly := [regime for regime in data.regimes if isinstance(regime.targets, AtLeast)]:
        each = [_partly_known(regime.name, found[regime.name], named(regime.targets)) for regime in partly]
        told.append(f"Some targets of {number_of(len(partly), 'regime')} were known beforehand{_listed(each)}.")
    gain = result.best.several_gain
    if not math.isnan(gain) and (unknown or partly):
        which = "may have several targets" if gain > 0 else "has one target at the most"
        other = "it has one at the most" if gain > 0 else "it may have several"
        told.append(f"That a regime {which} has {abs(gain):,.1f} nats more evidence than that {other}.")
    if known := len(data.regimes) - len(unknown) - len(partly):
        told.append(f"The targets of {number_of(known, 'regime')} were known beforehand.")
    return told


def _partly_known(regime: str, found: Sequence[str], told: Sequence[str]) -> str:
    known = f"{regime} on {' and '.join(told)}"
    further = [name for name in found if name not in told]
    return f"{known}, and {' and '.join(further)} found" if further else known


def _chains(result: CausalPosterior) -> list[str]:
    chains = result.chains
    settled = sum(chain.settled for chain in chains)
    if len(chains) == 1:
        return [f"1 chain was fitted, and it has {'' if settled else 'not '}settled. Only several can be compared."]
    check = stability(result)
    apart, differ = int(check.shd.to_numpy().max()), int(check.target_differences.to_numpy().max())
    same = "are the same" if not apart else f"differ in up to {number_of(apart, 'pair')} of variables"
    hits = "the same targets" if not differ else f"other targets in up to {number_of(differ, 'regime')}"
    return [
        f"{len(chains)} chains, independent restarts, were fitted; {settled} of them settled. Their graphs {same}, and "
        f"they find {hits}. Chains that agree can still be wrong together."
    ]


def _truth(result: CausalPosterior) -> list[str]:
    if result.data.truth is None:
        return []
    wrong = shd(result.dag(), result.data.truth.subgraph(result.data.nodes))
    pairs = f"{number_of(wrong, 'pair')} of variables {_are(wrong)}"
    return [f"The true graph is known: {pairs} wrong in the settled graph."]


def _listed(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    more = len(texts) - LISTED
    return f" ({', '.join(texts[:LISTED])}" + (f", and {more} more" if more > 0 else "") + ")"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
