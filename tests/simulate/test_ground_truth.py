"""Ground truths: sampling, labels, and information against enumeration."""

import networkx as nx
import numpy as np
import pytest

from pyrocausal.simulate import ground_truth
from pyrocausal.simulate.continuous_truths import Normal
from pyrocausal.simulate.experiments import neural_network_truth
from pyrocausal.simulate.graphs import bidiag, chain, collider, full, jungle
from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.networks import load
from pyrocausal.simulate.truth_mechanisms import Constant, TabularMechanism

TABLES = {"X0": [0.7, 0.3], "X1": [[0.9, 0.1], [0.25, 0.75]]}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pair(states=(0, 1)):
    mechanisms = {name: TabularMechanism(np.array(table)) for name, table in TABLES.items()}
    return GroundTruth(chain(2), mechanisms, dict.fromkeys(TABLES, states))


def test_sampled_conditionals_match_the_tables(rng):
    sample = pair(("no", "yes")).sample(40_000, rng)
    assert (sample["X0"] == "yes").mean() == pytest.approx(0.3, abs=0.015)
    for label, row in zip(("no", "yes"), TABLES["X1"], strict=True):
        observed = (sample.loc[sample["X0"] == label, "X1"] == "yes").mean()
        assert observed == pytest.approx(row[1], abs=0.02)


def test_parents_and_columns_follow_node_order_whatever_the_edge_order(rng):
    graph = nx.DiGraph()
    graph.add_nodes_from(["c", "a", "b"])
    graph.add_edges_from([("b", "c"), ("a", "c")])  # the effect comes first
    table = np.zeros((2, 3, 6))  # a, b -> c
    for a, b in np.ndindex(2, 3):
        table[a, b, 3 * a + b] = 1.0
    mechanisms = {"a": [0.5, 0.5], "b": [0.2, 0.3, 0.5], "c": table}
    truth = GroundTruth(
        graph,
        {name: TabularMechanism(np.array(each)) for name, each in mechanisms.items()},
        {"a": (0, 1), "b": (0, 1, 2), "c": tuple(range(6))},
    )
    assert truth.parents("c") == ("a", "b")
    sample = truth.sample(500, rng)
    assert list(sample.columns) == ["c", "a", "b"]
    assert (sample["c"] == 3 * sample["a"] + sample["b"]).all()


def test_replaced_mechanism_changes_the_target_and_what_follows(rng):
    truth = load("chain3")
    sample = truth.sample(20_000, rng, {"X1": Constant(1)})
    assert (sample["X1"] == 1).all()
    assert sample["X0"].mean() == pytest.approx(0.3, abs=0.02)
    assert sample["X2"].mean() == pytest.approx(0.15, abs=0.02)


def test_labels_of_several_types_survive(rng):
    assert set(pair((1, "one")).sample(200, rng)["X0"]) == {1, "one"}


def test_information_by_hand():
    joint = np.array([[0.7 * 0.9, 0.7 * 0.1], [0.3 * 0.25, 0.3 * 0.75]])
    outer = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    assert pair().conditional_mutual_information("X0", "X1") == pytest.approx((joint * np.log(joint / outer)).sum())


def brute_force(truth, cause, effect):
    """I(cause; effect | rest) by enumerating every variable of the network."""
    names, cards = list(truth.names), [truth.card(name) for name in truth.names]
    joint = np.ones(cards)
    for name in names:
        table, family = truth.table(name), (*truth.parents(name), name)
        for cell in np.ndindex(*cards):
            joint[cell] *= table[tuple(cell[names.index(each)] for each in family)]

    def entropy(keep):
        marginal = joint.sum(tuple(i for i, name in enumerate(names) if name not in keep))
        return -(marginal[marginal > 0] * np.log(marginal[marginal > 0])).sum()

    rest = set(truth.parents(effect)) - {cause}
    return entropy(rest | {cause}) + entropy(rest | {effect}) - entropy(rest | {cause, effect}) - entropy(rest)


@pytest.mark.parametrize("graph", [full(4), jungle(5), collider(4), bidiag(5)], ids=str)
def test_information_equals_enumeration(graph, rng):
    truth, _ = neural_network_truth(graph, rng, states=3, min_information=0.0)
    for cause, effect in graph.edges:
        expected = brute_force(truth, cause, effect)
        assert truth.conditional_mutual_information(cause, effect) == pytest.approx(expected, abs=1e-10)


def test_deterministic_tables_carry_finite_information():
    asia = load("asia")
    assert asia.conditional_mutual_information("tub", "either") == pytest.approx(brute_force(asia, "tub", "either"))


def test_sampled_information_matches_the_exact_where_all_ancestors_are_parents(rng, monkeypatch):
    truth, _ = neural_network_truth(full(4), rng, states=3, min_information=0.0)
    exact = {edge: truth.conditional_mutual_information(*edge) for edge in truth.graph.edges}
    rows = truth.sample(20_000, rng)
    monkeypatch.setattr(ground_truth, "LARGEST_TABLE", 1)
    for (cause, effect), expected in exact.items():
        found = truth.conditional_mutual_information(cause, effect, rows)
        assert found == pytest.approx(expected, rel=0.1, abs=0.003)
    with pytest.raises(ValueError, match="rows"):
        truth.conditional_mutual_information("X0", "X1")


def test_sampled_information_is_a_lower_bound(rng, monkeypatch):
    truth = load("chain3")
    exact = truth.conditional_mutual_information("X1", "X2")
    rows = truth.sample(20_000, rng)
    monkeypatch.setattr(ground_truth, "LARGEST_TABLE", 1)
    assert 0.0 < truth.conditional_mutual_information("X1", "X2", rows) < exact


def test_ground_truth_refuses_what_does_not_fit():
    table = TabularMechanism(np.array([0.5, 0.5]))
    states = dict.fromkeys(["X0", "X1"], (0, 1))
    with pytest.raises(ValueError, match="acyclic"):
        GroundTruth(nx.DiGraph([("X0", "X1"), ("X1", "X0")]), dict.fromkeys(states, table), states)
    with pytest.raises(ValueError, match="mechanisms must"):
        GroundTruth(chain(2), {"X0": table}, states)
    with pytest.raises(ValueError, match="states must"):
        GroundTruth(chain(2), dict.fromkeys(states, table), {"X0": (0, 1)})
    with pytest.raises(ValueError, match="'X1'"):
        GroundTruth(chain(2), dict.fromkeys(states, table), states)


def test_ground_truth_names_the_bad_argument(rng):
    truth = pair()
    with pytest.raises(ValueError, match="n must"):
        truth.sample(0, rng)
    with pytest.raises(ValueError, match="replaced"):
        truth.sample(5, rng, {"Y": Constant(0)})
    with pytest.raises(ValueError, match="left its states"):
        truth.sample(5, rng, {"X0": Constant(2)})
    with pytest.raises(ValueError, match="cause and effect"):
        truth.conditional_mutual_information("X1", "X0")
    with pytest.raises(ValueError, match="name"):
        truth.parents("Y")
    with pytest.raises(ValueError, match="continuous"):
        GroundTruth(chain(1), {"X0": Normal()}, {"X0": None}).table("X0")
