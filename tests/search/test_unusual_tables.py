"""Tables that leave little or go wrong somewhere: a right answer in closed form, or an error that says what to do."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.regime import Regime
from pyrocausal.evidence.inputs import TargetKnowledge
from pyrocausal.evidence.pooled_evidence import PooledEvidence
from pyrocausal.evidence.strength import edge_strengths, target_strengths
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.sdi.targets import known_targets
from pyrocausal.search import pooled_search
from pyrocausal.search.pooled_search import search_graph

NAMES = ("x", "y", "z")
CHAIN = {("x", "y"), ("y", "z")}
OPEN = -math.log(3)  # log odds of each target where there may be several

Tables = dict[str, pd.DataFrame]
every_kind = pytest.mark.parametrize("kind", ["numbers", "categories", "counts"])
no_categories = pytest.mark.parametrize("kind", ["numbers", "counts"])


def _value(kind: str, cause: np.ndarray | None, n: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "numbers":
        return rng.normal(size=n) if cause is None else 0.9 * cause + 0.7 * rng.normal(size=n)
    if kind == "categories":
        return (rng.random(n) < (0.4 if cause is None else np.where(cause == 1, 0.85, 0.15))).astype(int)
    mean = np.full(n, 8.0) if cause is None else 2 + cause
    return rng.poisson(mean * rng.gamma(4, 1 / 4, n)).astype(float)


def _hit(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "numbers":
        return rng.normal(2.5, 1, n)
    if kind == "categories":
        return (rng.random(n) < 0.97).astype(int)
    return rng.poisson(60 * rng.gamma(4, 1 / 4, n)).astype(float)


def draw(kind: str, n: int, rng: np.random.Generator, hit: str = "", to: float | None = None) -> pd.DataFrame:
    """x -> y -> z, one of them hit, perhaps set to a value."""
    made: dict[str, np.ndarray] = {}
    for name, cause in zip(NAMES, (None, "x", "y"), strict=True):
        made[name] = _value(kind, made.get(cause or ""), n, rng)
        if name == hit:
            made[name] = _hit(kind, n, rng) if to is None else np.full(n, to, made[name].dtype)
    return pd.DataFrame(made)


def tables(kind: str, seed: int = 0, hits: str = "xyz", to: float | None = None) -> tuple[pd.DataFrame, Tables]:
    rng = np.random.default_rng(seed)
    observational = draw(kind, 600, rng)
    return observational, {f"on {hit}": draw(kind, 150, rng, hit, to) for hit in hits}


def data_of(kind: str, observational: pd.DataFrame, regimes: Tables, targets=None) -> InterventionalData:
    made = {"numbers": Continuous, "categories": Categorical, "counts": Count}[kind]
    return InterventionalData.from_frames(observational, regimes, dict.fromkeys(NAMES, made), targets)


class Fit(NamedTuple):
    edges: set[tuple[str, str]]
    targets: dict[str, dict[str, float]]


def fit(data: InterventionalData, *, several: bool = False) -> Fit:
    """Search the graph, and see that every number of it is one."""
    known, hit = known_targets(data.names, [regime.targets for regime in data.regimes])
    odds = TargetOdds(torch.full(hit.shape, OPEN if several else 0.0), several)
    price = 0.75 * math.log(sum(len(part.rows) for part in data.parts))
    evidence = PooledEvidence(data, TargetKnowledge(known, hit, odds), price)
    nothing = torch.zeros(3, 3, dtype=torch.bool)
    found = search_graph(evidence, nothing, ~torch.eye(3, dtype=torch.bool))
    dag, evidence = found.summit.dag, found.evidence
    probability = evidence.targets(dag)
    assert math.isfinite(evidence.of(dag)) and probability.isfinite().all()
    for part in (edge_strengths(evidence, dag), target_strengths(evidence, dag), evidence.drift(dag)):
        assert part.isfinite().all()
    edges = {(NAMES[j], NAMES[i]) for i, j in dag.nonzero().tolist()}
    rows = zip(data.regime_names, probability.tolist(), strict=True)
    return Fit(edges, {name: dict(zip((*NAMES, "none"), row, strict=True)) for name, row in rows})


def called(found: Fit) -> dict[str, set[str]]:
    return {regime: {name for name in NAMES if row[name] > 0.9} for regime, row in found.targets.items()}


ONE_EACH = {f"on {name}": {name} for name in NAMES}


# ------------------------------------------------------------------ few rows, few regimes
@every_kind
def test_a_regime_of_one_row_is_refused(kind: str) -> None:
    observational, regimes = tables(kind)
    with pytest.raises(ValueError, match=r"regime 'on y': expected at least 2 rows, got 1; remove it or add rows"):
        data_of(kind, observational, regimes | {"on y": regimes["on y"][:1]})


@pytest.mark.parametrize("rows", [2, 3])
@every_kind
def test_a_regime_with_fewer_rows_than_parameters_does_no_harm(kind: str, rows: int) -> None:
    observational, regimes = tables(kind)
    found = fit(data_of(kind, observational, regimes | {"on y": regimes["on y"][:rows]}))
    assert found.edges == CHAIN
    assert called(found)["on x"] == {"x"} and called(found)["on z"] == {"z"}
    if kind == "categories":  # so few tell nothing for certain
        assert max(found.targets["on y"].values()) < 0.9


@every_kind
def test_one_regime_is_enough_for_its_target_and_what_it_orients(kind: str) -> None:
    found = fit(data_of(kind, *tables(kind, hits="y")))
    assert found.edges == CHAIN
    assert called(found) == {"on y": {"y"}}


@every_kind
def test_without_regimes_there_is_nothing_to_learn_from(kind: str) -> None:
    with pytest.raises(ValueError, match=r"regimes: there are none; .*at least one intervention"):
        data_of(kind, *tables(kind, hits=""))


@pytest.mark.parametrize("rows", [0, 1])
@every_kind
def test_without_observational_rows_it_is_said_what_to_take_for_them(kind: str, rows: int) -> None:
    observational, regimes = tables(kind)
    said = rf"the observational rows: expected at least 2 rows, got {rows}; .*take the regime"
    with pytest.raises(ValueError, match=said):
        data_of(kind, observational[:rows], regimes)


# ------------------------------------------------------------------ targets that are known
@every_kind
def test_all_targets_known_are_kept(kind: str) -> None:
    found = fit(data_of(kind, *tables(kind), targets={f"on {name}": name for name in NAMES}))
    assert found.edges == CHAIN
    assert all(found.targets[f"on {name}"][name] == 1 for name in NAMES)


@every_kind
def test_where_everything_is_known_to_be_hit_observational_rows_tell_what_is_joined(kind: str) -> None:
    found = fit(data_of(kind, *tables(kind), targets={f"on {name}": NAMES for name in NAMES}))
    assert {frozenset(edge) for edge in found.edges} == {frozenset(edge) for edge in CHAIN}
    assert called(found) == {f"on {name}": set(NAMES) for name in NAMES}


# ------------------------------------------------------------------ no variance, no values
@pytest.mark.parametrize("seed", [0, 1])
@every_kind
def test_a_variable_may_be_set_to_one_value(kind: str, seed: int) -> None:
    to = {"numbers": 3.0, "categories": 1, "counts": 40.0}[kind]
    found = fit(data_of(kind, *tables(kind, seed, to=to)))
    assert found.edges == CHAIN
    assert called(found) == ONE_EACH


@every_kind
def test_a_variable_that_never_varies_in_a_regime_is_hit_there(kind: str) -> None:
    observational, regimes = tables(kind)
    regimes["on x"]["z"] = {"numbers": 0.0, "categories": 0, "counts": 3.0}[kind]
    found = fit(data_of(kind, observational, regimes), several=True)
    assert found.edges == CHAIN
    assert called(found) == ONE_EACH | {"on x": {"x", "z"}}


@no_categories
def test_a_variable_that_never_varies_at_all_is_refused(kind: str) -> None:
    observational, regimes = tables(kind)
    with pytest.raises(ValueError, match=r"variable 'y' in the observational rows .*remove"):
        data_of(kind, observational.assign(y=0.0), {name: table.assign(y=0.0) for name, table in regimes.items()})


@every_kind
def test_a_variable_that_never_varies_without_intervention_shows_what_regimes_change(kind: str) -> None:
    observational, regimes = tables(kind)
    found = fit(data_of(kind, observational.assign(y=0), regimes), several=True)
    assert all("y" in called(found)[regime] for regime in ("on y", "on z"))
    # Where x is what it never was before, counts of y may be what x makes of them.
    assert ("x" if kind == "counts" else "y") in called(found)["on x"]


@every_kind
def test_of_a_variable_that_a_regime_never_measured_nothing_is_told(kind: str) -> None:
    observational, regimes = tables(kind)
    regimes["on y"]["y"] = np.nan
    found = fit(data_of(kind, observational, regimes))
    assert found.edges == CHAIN
    assert called(found)["on x"] == {"x"} and called(found)["on z"] == {"z"}
    assert found.targets["on y"]["y"] == pytest.approx(found.targets["on y"]["none"], abs=0.2)


# ------------------------------------------------------------------ a slip of the pen
HUGE: list[tuple[str, str]] = [("", "y"), ("on y", "y"), ("on x", "y"), ("on z", "x")]


@pytest.mark.parametrize(("regime", "name"), HUGE, ids=["control", "target", "effect", "cause"])
@no_categories
def test_one_huge_value_changes_neither_graph_nor_targets(kind: str, regime: str, name: str) -> None:
    observational, regimes = tables(kind)
    (regimes[regime] if regime else observational).loc[3, name] = 1e6
    found = fit(data_of(kind, observational, regimes))
    assert found.edges == CHAIN
    assert called(found) == ONE_EACH


@pytest.mark.parametrize("states", [3, 9])
def test_smooth_tables_are_climbed_from_where_plain_ones_have_ended(states, monkeypatch):
    # z has x and y as causes, whose effects add up; a cell of nine states each has hardly more than ten rows.
    rng = np.random.default_rng(0)

    def rows(n):
        x, y = rng.integers(states, size=(2, n))
        shares = np.exp(-((np.arange(states) - (x + y)[:, None] / 2) ** 2) / 2)
        above = (shares.cumsum(1) / shares.sum(1, keepdims=True)) < rng.random((n, 1))
        return torch.tensor(np.column_stack([x, y, above.sum(1)])).float()

    data = InterventionalData(NAMES, (Categorical(tuple(range(states))),) * 3, rows(1000), (Regime("r", rows(60)),))
    looked, search = [], pooled_search._search
    monkeypatch.setattr(
        pooled_search,
        "_search",
        lambda evidence, *some, **more: looked.append(evidence.smooth) or search(evidence, *some, **more),
    )
    off = ~torch.eye(3, dtype=torch.bool)
    found = search_graph(PooledEvidence(data, TargetKnowledge.nothing(1, 3), 3.0), torch.zeros(3, 3).bool(), off)
    assert looked == [False, True] and found.evidence.smooth
    assert found.summit.dag.nonzero().tolist() == [[2, 0], [2, 1]]
