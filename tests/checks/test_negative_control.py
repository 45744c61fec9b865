"""The negative control, on fits replaced by what they should find."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from conftest import make_rows, small_data
from example_fits import posterior, problem, replace_fits

from pyrocausal.checks.held_out import held_out_regimes, held_out_rows
from pyrocausal.checks.negative_control import _permutations, random_graph_control
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Categorical
from pyrocausal.data.regime import Regime


def shifted(graph) -> nx.DiGraph:
    """The graph with every variable in the place of another one."""
    names = list(graph)
    return nx.relabel_nodes(graph, dict(zip(names, [*names[1:], names[0]], strict=True)))


@pytest.mark.parametrize("seed", range(3))
def test_the_true_graph_is_told_from_its_copies(monkeypatch, seed):
    data, truth, targets = problem(seed)
    replace_fits(monkeypatch, truth, targets)
    check = held_out_regimes(data, 2, refitting=None, seed=seed)
    control = random_graph_control(check, 12, seed=seed)
    assert len(control.permuted) == 12
    assert control.rank == 1
    assert control.p_value == pytest.approx(1 / 13)
    assert control.value == check.table().loc["all", "settled"]
    assert control.value > control.permuted.log_likelihood.max() + 0.02
    assert (control.permuted.shd > 0).all()
    assert "Random graph control on held-out regimes" in str(control)
    assert "rank 1 of 13, p = 0.077" in str(control)
    again = random_graph_control(check, 12, seed=seed)
    assert control.permuted.equals(again.permuted)
    assert not control.permuted.equals(random_graph_control(check, 12, seed=seed + 1).permuted)


def test_a_wrong_graph_is_not(monkeypatch):
    data, truth, targets = problem(0)
    replace_fits(monkeypatch, shifted(truth), targets)
    wrong = random_graph_control(held_out_rows(data, refitting=None), 15)
    assert wrong.rank == 1 + int((wrong.permuted.log_likelihood >= wrong.value).sum())
    assert wrong.rank > 1


def test_a_copy_scores_what_the_same_graph_scores_by_itself(monkeypatch):
    data, truth, targets = problem(1)
    replace_fits(monkeypatch, truth, targets)
    check = held_out_rows(data, refitting=None)
    control = random_graph_control(check, 1, seed=3)
    result = check.results[0]
    (order,) = _permutations([result.best.dag.bool()], np.arange(len(truth)), 1, np.random.default_rng(3))
    copy = nx.relabel_nodes(truth, {list(truth)[old]: list(truth)[new] for new, old in enumerate(order)})
    alone = check.against({"copy": copy}).table().loc["all", "copy"]
    assert control.permuted.log_likelihood.item() == pytest.approx(alone, abs=1e-9)


def test_a_copy_that_predicts_as_well_counts_against_the_graph(monkeypatch):
    # Two copies of one variable: interchanged, they predict the same, and the graph is no better than its copy.
    column = torch.randint(2, (400, 1), generator=torch.Generator().manual_seed(0)).float()
    kinds = (Categorical((0, 1)),) * 2
    data = InterventionalData(("A", "B"), kinds, column.repeat(1, 2), (Regime("r", column[:100].repeat(1, 2), ()),))
    replace_fits(monkeypatch, nx.DiGraph([("A", "B")]), {"r": ()})
    control = random_graph_control(held_out_rows(data, refitting=None))
    assert control.value == control.permuted.log_likelihood.item()
    assert (control.rank, control.p_value) == (2, 1.0)


def test_copies_keep_the_shape_and_are_all_different():
    dag = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=torch.bool)
    found = _permutations([dag], np.arange(3), 50, np.random.default_rng(0))
    copies = {tuple(dag[order][:, order].flatten().tolist()) for order in found}
    assert len(found) == len(copies) == 5  # all chains of three variables but the graph itself
    assert tuple(dag.flatten().tolist()) not in copies
    assert all(sum(copy) == 2 for copy in copies)


def test_categories_that_only_regimes_show(monkeypatch):
    kinds = (Categorical((0, 1)), Categorical((0, 1, 2)))
    rows = make_rows(kinds, 60)
    seen = rows.clone()
    seen[:, 1].clamp_(max=1)
    data = InterventionalData(("A", "B"), kinds, seen, (Regime("r", rows), Regime("s", rows.flip(0))))
    replace_fits(monkeypatch, nx.DiGraph([("A", "B")]), {"r": ("B",), "s": ("B",)})
    assert np.isfinite(random_graph_control(held_out_rows(data, refitting=None)).value)


def test_errors(monkeypatch):
    data, truth, targets = problem(0)
    for wrong in (small_data(), posterior(data, truth, targets)):
        with pytest.raises(TypeError, match=r"check must be a HeldOut, got .*; make one with held_out_rows"):
            random_graph_control(wrong)
    replace_fits(monkeypatch, nx.create_empty_copy(truth), targets)
    check = held_out_rows(data, refitting=None)
    with pytest.raises(ValueError, match="check: its graph has no edges"):
        random_graph_control(check)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        random_graph_control(check, 0)
    for n in (1.0, True):
        with pytest.raises(TypeError, match="n must be a whole number, got"):
            random_graph_control(check, n)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        random_graph_control(check, seed=-1)
