"""Answers against brute force, variable elimination, closed forms and handlers by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_model
from example_programs import NAMES, linear, one, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine

import pyrocausal as pc
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.queries import outcomes
from pyrocausal.queries.counterfactuals import counterfactual_rows
from pyrocausal.queries.effect_table import effect_table, usual_contrast
from pyrocausal.queries.exact_sums import exact_outcome
from pyrocausal.queries.mediation import ways_of_effect


def asked(data, name, given=None, rows=1024, seed=0):
    return outcomes.Asked(data, name, given or {}, rows, seed)


def enumerated(program, outcome, do, given):
    """p(outcome | do, given) one state of the world at a time, with do and masks."""
    cards = [kind.cardinality for kind in program.kinds]
    worlds = torch.tensor([*itertools.product(*map(range, cards))]).float()
    keep = torch.ones(len(worlds), dtype=torch.bool)
    for i, code in {**do, **given}.items():
        keep &= worlds[:, i] == code
    worlds = worlds[keep]
    # outside: interventions on a raw model are codes
    with pc.intervene({program.names[i]: torch.full((len(worlds),), float(code)).long() for i, code in do.items()}):
        trace = poutine.trace(program.model.given(program.graph)).get_trace(worlds)
    trace.compute_log_prob()
    weight = sum(trace.nodes[name]["log_prob"] for name in program.names).double().exp()
    found = torch.zeros(cards[outcome], dtype=torch.double).index_add_(0, worlds[:, outcome].long(), weight)
    return found / found.sum()


@given(
    st.integers(0, 30),
    st.dictionaries(st.integers(0, 2), st.integers(0, 1), max_size=2),
    st.dictionaries(st.integers(0, 3), st.integers(0, 1), max_size=2),
    st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_sums_are_exact(seed, do, given, outcome):
    given = {i: code for i, code in given.items() if i not in do and i != outcome}
    if outcome in do:
        return
    program, _ = tables(seed)
    found = exact_outcome(program, outcome, do, given)
    with torch.no_grad():
        torch.testing.assert_close(found, enumerated(program, outcome, do, given), atol=1e-6, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of pgmpy
def test_sums_agree_with_variable_elimination_of_pgmpy():
    pytest.importorskip("pgmpy", reason="the extra networks is not installed")
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import CausalInference
    from pgmpy.models import DiscreteBayesianNetwork

    program, data = tables(3)
    network = DiscreteBayesianNetwork([("a", "b"), ("a", "c"), ("b", "c"), ("b", "d"), ("c", "d")])
    cards = dict(zip(NAMES, (kind.cardinality for kind in program.kinds), strict=True))
    for i, name in enumerate(NAMES):
        parents = [NAMES[int(j)] for j in program.graph[i].nonzero()]
        grid = torch.tensor([*itertools.product(*(range(cards[each]) for each in parents))]).float()
        values = torch.zeros(len(grid), 4)
        values[:, [NAMES.index(each) for each in parents]] = grid.reshape(len(values), -1)
        table = program.conditional(i, values).probs.detach().double().expand(len(values), -1)
        network.add_cpds(
            TabularCPD(name, cards[name], (table / table.sum(1, keepdim=True)).t().numpy(), parents or None,
                       [cards[each] for each in parents] or None)
        )  # fmt: skip
    found = outcomes.outcome(one(program), asked(data, "d"), {"b": 1})
    expected = CausalInference(network).query(["d"], do={"b": 1}, show_progress=False)
    np.testing.assert_allclose(found.values[0, 0], expected.values, atol=1e-5)


def test_rows_that_are_drawn_agree_with_sums():
    program, data = tables(5)
    for given_b in ({}, {"d": 2}):
        question = asked(data, "a" if given_b else "d", given_b, rows=4096)
        exact = outcomes.outcome(one(program), question, {"c": 1})
        codes = {data.names.index(name): float(value) for name, value in given_b.items()}
        with torch.no_grad():
            drawn = outcomes._drawn(program, question, {"c": 1}, codes)
        np.testing.assert_allclose(drawn[:-1], exact.values[0, 0], atol=0.01)


def test_a_mean_below_states_is_exact_too():
    torch.manual_seed(0)
    kinds = (pc.Categorical((0, 1)), pc.Continuous(5.0, 2.0))
    model = make_model(kinds)
    model = CausalModel(("a", "b"), kinds, model.mechanisms, model.beliefs)
    program = pc.Program(model, torch.tensor([[0, 0], [1, 0]]))
    found = exact_outcome(program, 1, {}, {})
    with torch.no_grad():
        p = program.conditional(0, torch.zeros(1, 2)).probs[0]
        means = program.conditional(1, torch.tensor([[0.0, 0], [1.0, 0]])).mean
    assert float(found) == pytest.approx(float(5 + 2 * (p * means).sum()), abs=1e-5)
    assert float(exact_outcome(program, 1, {0: 1}, {})) == pytest.approx(float(5 + 2 * means[1]), abs=1e-5)
    assert exact_outcome(program, 0, {}, {1: 0.5}) is None


# ---------------------------------------------------------------- linear
def test_a_linear_effect_is_exact_and_in_units():
    program, data = linear()
    wanted = {("b", "a"): 2.0 * 1.0 / 3.0, ("c", "a"): (0.4 + 0.7) / 3.0, ("c", "b"): 0.7 / 2.0}
    for (effect, cause), slope in wanted.items():
        spread = [
            outcomes.contrast(one(program), asked(data, effect, seed=seed), {cause: 1.0}, {cause: 0.0}).item()
            for seed in range(5)
        ]
        np.testing.assert_allclose(spread, slope, atol=1e-5)
    assert outcomes.contrast(one(program), asked(data, "a"), {"c": 1.0}, {"c": 0.0}).item() == 0.0


def test_a_linear_mean_has_little_noise():
    program, data = linear()
    questions = [asked(data, "c", rows=2000, seed=seed) for seed in range(20)]
    means = [outcomes.outcome(one(program), question, {"b": 1.0}).item() for question in questions]
    exact = -1.0 + 0.7 * 0.5  # a is 0 in codes on average
    assert np.std(means) <= 0.002
    assert np.mean(means) == pytest.approx(exact, abs=0.002)


def test_what_is_observed_below_is_weighed():
    """a given c is a regression backwards."""
    program, data = linear()
    found = outcomes.outcome(one(program), asked(data, "a", {"c": 1.0}, rows=20000), {})
    s = np.exp(-0.5) ** 2
    slope = 1.1
    variance = 0.7**2 * s + s
    mean = slope * s / (slope**2 * s + variance) * 2.0  # code of c is 2
    assert found.item() == pytest.approx(2 + 3 * mean, abs=0.05)
    assert 100 < found.attrs["effective_rows"] < 20000


def test_few_rows_that_are_left_are_told_of():
    program, data = linear()
    with pytest.warns(RuntimeWarning, match="given: c = 3.4 leaves .* of 200 rows"):
        outcomes.outcome(one(program), asked(data, "a", {"c": 3.4}, rows=200), {})


# ---------------------------------------------------------------- mediation
def test_ways_of_a_linear_effect_add_up():
    program, data = linear()
    found = ways_of_effect(one(program), asked(data, "c"), {"a": 5.0}, {"a": 2.0})
    assert list(found.way.values) == ["total", "direct", "indirect"]
    np.testing.assert_allclose(found.values[:, 0, 0], [1.1, 0.4, 0.7], atol=1e-5)


def test_ways_with_an_interaction_are_those_of_the_definition():
    program, data = tables(7)
    found = ways_of_effect(one(program), asked(data, "c", rows=8192), {"a": "y"}, {"a": "x"}).values[:, 0, 0]
    with torch.no_grad():
        p_b = [program.conditional(1, torch.tensor([[a, 0.0, 0, 0]])).probs[0].double() for a in (0.0, 1.0)]
        p_c = [
            torch.stack([program.conditional(2, torch.tensor([[a, b, 0, 0]])).probs[0].double() for b in (0.0, 1, 2)])
            for a in (0.0, 1.0)
        ]
    total = p_b[1] @ p_c[1] - p_b[0] @ p_c[0]
    direct = p_b[0] @ p_c[1] - p_b[0] @ p_c[0]
    np.testing.assert_allclose(found[0], total, atol=2e-3)
    np.testing.assert_allclose(found[1], direct, atol=2e-3)
    np.testing.assert_allclose(found[0], found[1] + found[2], atol=1e-12)


# ---------------------------------------------------------------- counterfactuals
def test_counterfactuals_of_a_linear_program_are_known():
    program, _ = linear()
    rows = program(200)
    found = counterfactual_rows(one(program), rows, {"b": 4.0}, 0)[0, 0]
    moved = 2.0 - rows[:, 1].numpy()  # code of 4 is 2
    np.testing.assert_allclose(found[:, 0], rows[:, 0], atol=1e-6)
    np.testing.assert_allclose(found[:, 2], rows[:, 2].numpy() + 0.7 * moved, atol=1e-5)
    again = counterfactual_rows(one(program), rows, {}, 0)[0, 0]
    np.testing.assert_allclose(again, rows, atol=1e-6)


def test_counterfactuals_by_hand_are_the_same():
    program, _ = tables(9)
    rows = program(300)
    torch.manual_seed(4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        with torch.no_grad(), pc.intervene({"b": 2}), pc.Exogenous(pc.abduct(program, rows)):
            by_hand = program(300)
    np.testing.assert_array_equal(counterfactual_rows(one(program), rows, {"b": 2}, 11)[0, 0], by_hand)


# ---------------------------------------------------------------- a table of effects
def test_the_table_of_effects_has_what_is_below():
    program, data = linear()
    table = effect_table(one(program), data, ["a", "b", "d"], 256, 0)
    assert set(zip(table.cause, table.effect, strict=True)) == {("a", "b"), ("a", "c"), ("b", "c")}
    row = table[(table.cause == "a") & (table.effect == "c")].iloc[0]
    low, high = usual_contrast(data, "a")
    assert row["mean"] == pytest.approx(1.1 * (high - low), rel=1e-4)
    assert row.low == row.high == pytest.approx(row["mean"])
    assert row.path == 1.0
    assert effect_table(one(program), data, ["d"], 256, 0).empty


def test_usual_contrasts():
    frame = pd.DataFrame({
        "grade": pd.Categorical(["low"] * 4 + ["mid", "high"], categories=["low", "mid", "high"], ordered=True),
        "state": ["r"] * 2 + ["q"] * 3 + ["p"],
        "size": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "count": [0, 1, 2, 30, 5, 6],
    })  # fmt: skip
    data = InterventionalData.from_frames(frame, {"again": frame}, {"count": pc.Count()})
    assert usual_contrast(data, "grade") == (0.0, 2.0)
    assert usual_contrast(data, "state") == (1.0, 2.0)  # p is rare
    assert usual_contrast(data, "size") == pytest.approx((-0.548, 0.548), abs=1e-3)
    low, high = usual_contrast(data, "count")
    assert (low, high) == (2.0, 13.0)
    rare = pd.DataFrame(
        {"count": [0] * 95 + [1] * 5, "grade": pd.Categorical(["b", "c"] * 50, ["a", "b", "c"], ordered=True)}
    )
    kinds = {"count": pc.Count(), "grade": pc.Categorical(("a", "b", "c"), ordered=True)}
    data = InterventionalData.from_frames(rare, {"again": rare}, kinds)
    assert usual_contrast(data, "count") == (0.0, 1.0)
    assert usual_contrast(data, "grade") == (1.0, 2.0)  # nobody has seen a
