"""What a result is asked, and what it refuses to say."""

from __future__ import annotations

import pickle

import networkx as nx
import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
import xarray as xr
from example_fits import posterior

import pyrocausal as pc
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.queries import explanations
from pyrocausal.queries.effect_table import effect_table
from pyrocausal.queries.explanations import Event


@pytest.fixture(scope="module")
def result():
    """A kinase with states acts on a level, which acts on a count; cells differ in depth."""
    rng = np.random.default_rng(0)

    def table(n, hit=None):
        kinase = rng.choice(["off", "on"], n) if hit != "kinase" else np.full(n, "on")
        level = 10 + 3 * (kinase == "on") + rng.normal(0, 2, n) if hit != "level" else rng.normal(16, 1, n)
        depth = rng.lognormal(7, 0.4, n)
        count = rng.poisson(depth / 1000 * np.exp(0.2 * (level - 10))) if hit != "count" else rng.poisson(9, n)
        return pd.DataFrame({"kinase": kinase, "level": level, "count": count, "depth": depth})

    data = InterventionalData.from_frames(
        table(800), {name: table(150, name) for name in ("kinase", "level", "count")}, {"count": pc.Count("depth")}
    )
    graph = nx.DiGraph([("kinase", "level"), ("level", "count")])
    graph.add_node("depth")
    return posterior(data, graph, {name: (name,) for name in data.regime_names})


def test_programs_are_of_chains_and_draws(result):
    assert result.program().graph.sum() == 2
    drawn = result.programs(7)
    assert drawn.graphs.shape == (1, 7, 4, 4)
    assert result.programs(7) is drawn
    assert len(drawn) == len(list(drawn)) == 7 * len(result.chains)
    assert all(one is other for one, other in zip(drawn, (p for chain in drawn.programs for p in chain), strict=True))
    assert result.program(chain=0, draw=3, draws=7) is drawn.programs[0][3]
    for arguments, says in (
        ({"chain": 1}, "chain: there are 1, counted from 0, got 1"),
        ({"draw": 7, "draws": 7}, "draw: there are 7, counted from 0, got 7"),
        ({"draw": -1}, "draw must be at least 0"),
        ({"draws": 0, "draw": 0}, "draws must be at least 1"),
    ):
        with pytest.raises(ValueError, match=says):
            result.program(**arguments)


def test_torchs_random_state_stays_as_it_was(result):
    before = torch.get_rng_state()
    result.programs(3, seed=5)
    result.effect("level", do={"kinase": "on"}, versus={"kinase": "off"}, draws=3)
    result.counterfactual(result.data.decode(result.data.observational[:2]), do={"kinase": "on"}, draws=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_effects_are_in_units_and_near_the_truth(result):
    found = result.effect("level", do={"kinase": "on"}, versus={"kinase": "off"}, draws=60)
    assert found.dims == ("chain", "draw") and found.name == "level"
    asked = {"measured": "mean", "do": "kinase = on", "versus": "kinase = off"}
    assert found.attrs == asked | {"draws": 60, "seed": 0, "about": '["level"]', "held": '["kinase"]'}
    assert float(found.mean()) == pytest.approx(3.0, abs=0.35)
    assert 0.05 < float(found.std()) < 0.3
    shares = result.outcome("kinase", draws=10)
    assert shares.dims == ("chain", "draw", "state") and list(shares.state.values) == ["off", "on"]
    np.testing.assert_allclose(shares.sum("state"), 1.0)


def test_counts_are_those_of_a_typical_exposure(result):
    typical = result.data.decode(torch.zeros(1, 4))["depth"].iloc[0]
    found = result.outcome("count", do={"level": 12.0}, draws=40)
    assert float(found.mean()) == pytest.approx(typical / 1000 * np.exp(0.4), rel=0.1)


def test_functions_and_distributions_are_set(result):
    shifted = result.effect("count", do={"level": lambda level: level + 1}, draws=20)
    assert float(shifted.mean()) > 0.2
    drawn = result.outcome("count", do={"level": dist.Normal(12.0, 0.01)}, draws=20)
    fixed = result.outcome("count", do={"level": 12.0}, draws=20)
    assert float(drawn.mean()) == pytest.approx(float(fixed.mean()), rel=0.05)


def test_a_distribution_is_the_same_in_every_world(result):
    twelve = {"level": dist.Normal(12.0, 1.0)}
    assert float(abs(result.effect("count", do=twelve, versus=twelve, draws=5)).max()) == 0.0
    found = [result.outcome("count", do=twelve, draws=5).values for _ in range(2)]
    np.testing.assert_array_equal(*found)


def test_a_result_can_be_pickled_after_questions(result):
    before = result.outcome("count", do={"level": 12.0}, draws=5)
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_allclose(again.outcome("count", do={"level": 12.0}, draws=5), before)


def test_ways_of_an_effect(result):
    found = result.ways_of_effect("count", do={"kinase": "on"}, versus={"kinase": "off"}, draws=10)
    total, direct, indirect = found.mean(("chain", "draw")).values
    assert direct == pytest.approx(0.0, abs=1e-6) and indirect == pytest.approx(total)
    with pytest.raises(ValueError, match="versus: it has to set what do sets, kinase; got level"):
        result.ways_of_effect("count", do={"kinase": "on"}, versus={"level": 12.0})


def test_counterfactuals_have_labels_and_units(result):
    rows = result.data.decode(result.data.observational[:5])
    found = result.counterfactual(rows, do={"kinase": "on"}, draws=4)
    assert dict(found.sizes) == {"chain": 1, "draw": 4, "row": 5}
    np.testing.assert_allclose(found.depth[0, 0], rows.depth, rtol=1e-5)
    same = (rows.kinase == "on").to_numpy()
    np.testing.assert_allclose(found.level[0, 0][same], rows.level[same], rtol=1e-5)
    unchanged = result.counterfactual(rows, do={}, draws=4)
    np.testing.assert_allclose(unchanged["count"][0, 0], rows["count"])
    with pytest.raises(TypeError, match="rows: expected a DataFrame, got dict"):
        result.counterfactual({}, do={"kinase": "on"})


def test_a_table_may_have_other_columns_in_any_order_but_no_fewer(result):
    rows = result.data.decode(result.data.observational[:5])
    more = rows[rows.columns[::-1]].assign(batch=list("aabbc"), regime=None).set_axis([9, 9, 3, 2, 1])
    ask = {
        "counterfactual": lambda frame: result.counterfactual(frame, do={"kinase": "on"}, draws=4),
        "explain": lambda frame: result.explain(
            frame, "level", versus={"kinase": "off"}, above=12.0, draws=4, drawn=64
        ),
    }
    for question in ask.values():
        assert question(more).identical(question(rows))
        with pytest.raises(ValueError, match="rows: there is no column 'level'; every variable is needed: kinase, le"):
            question(more.drop(columns="level"))


@pytest.mark.parametrize("states", [(0, 1), (False, True), ("no", "yes"), (0.5, 1.5), (("a", 1), ("b", 2)), (3, 1, 2)])
@pytest.mark.parametrize("ordered", [False, True])
def test_states_keep_their_labels(states, ordered, tmp_path):
    column = pd.Series([*states, *states] * 10, dtype=object).infer_objects()
    frame = pd.DataFrame({"a": np.arange(len(column)) % 3, "b": column})
    data = InterventionalData.from_frames(frame, {"r": frame}, {"b": pc.Categorical(states, ordered=ordered)})
    result = posterior(data, nx.DiGraph([("a", "b")]), {"r": ()})
    answer = result.effect("b", do={"a": 2}, versus={"a": 0}, draws=3)
    assert answer.state.values.tolist() == list(states)
    assert [type(each) for each in answer.state.values.tolist()] == [type(each) for each in states]
    for k, state in enumerate(states):
        if not isinstance(state, tuple):  # of which xarray makes several
            np.testing.assert_array_equal(answer.sel(state=state), answer.isel(state=k))
    assert result.by_edge(answer).empty  # of one graph
    if not isinstance(states[0], tuple):
        answer.to_netcdf(tmp_path / "answer.nc", engine="h5netcdf")


def test_explanations_are_the_same_however_many_worlds_go_together(result, monkeypatch):
    rows = result.data.decode(result.data.observational[:6])
    ask = {"versus": {"kinase": "off", "level": 10.0}, "above": 2.0, "draws": 3, "drawn": 100}
    whole = result.explain(rows, "count", **ask)
    monkeypatch.setattr(explanations, "TOGETHER", 250)
    assert whole.identical(result.explain(rows, "count", **ask))
    each = [result.explain(rows, "count", **(ask | {"versus": {k: v}})) for k, v in ask["versus"].items()]
    assert whole.identical(xr.concat(each, "cause"))


def test_explanations(result):
    rows = pd.DataFrame({"kinase": ["on", "off"], "level": [13.0, 13.0], "count": [2, 2], "depth": [1000.0, 1000.0]})
    found = result.explain(rows, "level", versus={"kinase": "off"}, above=12.0, draws=30)
    assert dict(found.sizes) == {"chain": 1, "draw": 30, "row": 2, "cause": 1}
    assert float(found.necessary[..., 0, 0].mean()) > 0.95  # three units less, and it is below
    assert found.necessary[..., 1, 0].isnull().all() and found.sufficient[..., 1, 0].isnull().all()
    # of the rows below 12 without the kinase, those that it lifts above: P(9 < level < 12) / P(level < 12)
    normal = torch.distributions.Normal(10.0, 2.0)
    below = [float(normal.cdf(torch.tensor(each))) for each in (9.0, 12.0)]
    assert float(found.sufficient[..., 0, 0].mean()) == pytest.approx((below[1] - below[0]) / below[1], abs=0.06)
    for arguments, says in (
        ({"versus": {}}, "versus: name causes and one value for each"),
        ({"versus": {"kinase": "off"}}, "above: 'level' is a number; say above which it is"),
        ({"versus": {"level": 12.0}, "above": 12.0}, "variable: 'level' is what is set"),
    ):
        with pytest.raises(ValueError, match=says):
            result.explain(rows, "level", **arguments)
    with pytest.raises(ValueError, match="above: 'kinase' has states, of which none is above"):
        result.explain(rows, "kinase", versus={"level": 12.0}, above=1.0)
    assert Event(1, None).of(torch.tensor([[0.0, 3.0]])) == 3.0


def test_ancestors_and_effects(result):
    found = result.ancestors(5)
    assert found.dims == ("chain", "draw", "effect", "cause")
    assert list(found.cause.values) == ["kinase", "level", "count"]
    assert float(found.sel(cause="kinase", effect="count").mean()) == 1.0
    table = result.effects(draws=5, rows=128)
    assert {("kinase", "level"), ("kinase", "count"), ("level", "count")} == {
        *zip(table.cause, table.effect, strict=True)
    }
    assert (table.low <= table["mean"]).all() and (table["mean"] <= table.high).all()
    assert list(result.effects(["level"], draws=5, rows=128).cause) == ["level"]
    assert effect_table(result.programs(5), result.data, [], 64, 0).empty


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda r: r.outcome("gone"), ValueError, "variable: 'gone' is no variable; variables: kinase, level, count"),
        (lambda r: r.outcome("depth"), ValueError, "variable: 'depth' is a covariate or an exposure"),
        (lambda r: r.outcome("level", do={"depth": 2.0}), ValueError, "do: 'depth' is a covariate or an exposure"),
        (lambda r: r.outcome("level", do={"kinase": "up"}), ValueError, "what 'kinase' is set to holds 'up'"),
        (lambda r: r.outcome("count", do={"level": 99.0}), ValueError, "do: 'level' was only ever from .* at 99"),
        (
            lambda r: r.outcome("count", do={"level": lambda x: 9 * x}),
            ValueError,
            "do: 'level' was only ever from .* there",
        ),
        (lambda r: r.outcome("count", do={"level": dist.Normal(99.0, 1.0)}), ValueError, "do: 'level' was only ever"),
        (lambda r: r.outcome("count", do={"level": float("nan")}), ValueError, "what 'level' is set to"),
        (
            lambda r: r.counterfactual(r.data.decode(r.data.observational[:0]), do={}),
            ValueError,
            "rows: there are none",
        ),
        (lambda r: r.outcome("level", do={"level": 12.0}), ValueError, "variable: 'level' is what is set"),
        (lambda r: r.effect("level", do={}), ValueError, "do: nothing is set"),
        (lambda r: r.outcome("level", do=[("kinase", "on")]), TypeError, "do: expected variables and their values"),
        (lambda r: r.outcome("level", given={"level": 12.0}), ValueError, "given: 'level' is asked about"),
        (
            lambda r: r.outcome("count", do={"level": 12.0}, given={"level": 12.0}),
            ValueError,
            "given: 'level' is set, and cannot be observed as well",
        ),
        (
            lambda r: r.outcome("level", given={"count": [1, 2]}),
            ValueError,
            "given: one value of each variable is observed",
        ),
        (lambda r: r.outcome("level", draws=0), ValueError, "draws must be at least 1"),
        (lambda r: r.outcome("level", rows=0), ValueError, "rows must be at least 1"),
        (lambda r: r.effects("level"), TypeError, r"causes: expected several names, got .* pass \['level'\]"),
        (lambda r: r.effects(["gone"]), ValueError, "causes: 'gone' is no variable"),
    ],
)
def test_what_cannot_be_asked(result, ask, error, says):
    with pytest.raises(error, match=says):
        ask(result)


def test_a_state_that_was_never_seen_is_refused():
    frame = pd.DataFrame({"a": ["x", "y"] * 20, "b": [0, 1, 1, 0] * 10})
    kinds = {"a": pc.Categorical(("x", "y", "z"))}
    data = InterventionalData.from_frames(frame, {"r": frame}, kinds)
    result = posterior(data, nx.DiGraph([("a", "b")]), {"r": ()})
    with pytest.raises(ValueError, match="do: 'a' was 'z' in no row, so that nothing says what would happen"):
        result.outcome("b", do={"a": "z"})


def test_what_one_fit_tells_another(result):
    known = pc.shared_knowledge(result, same=0.8)
    assert known.probability[("kinase", "level")] == pytest.approx(0.8, abs=1e-3)
    assert known.probability[("level", "kinase")] == pytest.approx(0.2, abs=1e-3)
    assert not [edge for edge in known.probability if "depth" in edge]
    with pytest.raises(ValueError, match="same must be"):
        pc.shared_knowledge(result, same=0.5)


def test_the_settled_program_says_what_effects_say_however_few_rows_there_are():
    rng = np.random.default_rng(1)

    def table(n, hit=None):
        dose = rng.normal(2, 1, n) if hit == "dose" else rng.normal(0, 1, n)
        level = rng.normal(2, 1, n) if hit == "level" else 0.8 * dose + rng.normal(0, 1, n)
        return pd.DataFrame({"dose": dose, "level": level})

    data = InterventionalData.from_frames(table(60), {name: table(12, name) for name in ("dose", "level")})
    quick = pc.Settling(refitting=None)
    found = pc.discover(data, settling=quick, chains=1, seed=0, progress=False)
    assert set(found.dag().edges) == {("dose", "level")}
    program, means = found.program(), []
    for dose in (1.0, 0.0):
        with pyro.plate("rows", 4000), pc.intervene({"dose": dose}):
            torch.manual_seed(0)
            means.append(program.decode(program())["level"].mean())
    expected = found.effect("level", do={"dose": 1.0}, versus={"dose": 0.0})
    assert means[0] - means[1] == pytest.approx(float(expected.mean()), abs=0.05)
