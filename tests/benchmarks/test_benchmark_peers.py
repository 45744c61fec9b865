"""Adaptors of other methods: what goes in, which way round the answer is, and real runs where the peer is installed.

Real runs of methods that are no packages need the folder of their checkout in the environment: PEER_ENCO, PEER_SDI.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import networkx as nx
import numpy as np
import pytest
import torch

from benchmarks.methods import enco, gies, gnies, peers, reference_sdi, ut_igsp
from pyrocausal import InterventionalData, networks, simulate

CHAIN = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]])  # A -> B -> C, row = cause
COLLIDER = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]])  # A -> C <- B
PACKAGES = {
    "gies": gies.GIES,
    "gnies": gnies.GNIES,
    "causaldag": ut_igsp.UT_IGSP,
    "causal_discovery": enco.ENCO,
    "causal": reference_sdi.REFERENCE_SDI,
}


def random_numbers() -> np.random.Generator:
    return np.random.default_rng(0)


def fake_module(monkeypatch, name, **contents) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def continuous_data(rows=400) -> tuple[InterventionalData, dict[str, tuple[str, ...]]]:
    """B -> C -> A with coefficients of one; in each regime the noise of one variable is three times as wide."""
    rng = random_numbers()

    def sample(widened: str) -> np.ndarray:
        noise = {name: rng.normal(size=rows) * (3 if name == widened else 1) for name in "ABC"}
        b = noise["B"]
        c = b + noise["C"]
        return np.stack([c + noise["A"], b, c], 1)

    regimes = {f"wide {name}": sample(name) for name in "CAB"}
    return InterventionalData.from_arrays(sample(""), regimes, names=list("ABC")), {r: (r[-1],) for r in regimes}


def categorical_data(regimes: dict[str, int]) -> InterventionalData:
    """Columns with 2, 3 and 2 states; the given numbers of rows in regimes."""
    rng = random_numbers()
    tables = {name: np.stack([rng.integers(k, size=n) for k in (2, 3, 2)], 1) for name, n in regimes.items()}
    return InterventionalData.from_arrays(
        np.stack([np.arange(12) % k for k in (2, 3, 2)], 1), tables, names=list("ABC")
    )


def truth_of(*edges: tuple[str, str]) -> np.ndarray:
    """[3, 3] bool over A, B, C, row = effect."""
    dag = np.zeros((3, 3), dtype=bool)
    for cause, effect in edges:
        dag["ABC".index(effect), "ABC".index(cause)] = True
    return dag


# Classes of graphs


def test_a_dag_extends_itself_and_colliders_stay():
    for graph in (CHAIN, COLLIDER):
        assert np.array_equal(peers.consistent_extension(graph, random_numbers()), graph)


def test_undirected_chain_extends_to_each_of_its_dags_but_not_to_the_collider():
    found = {
        tuple(map(tuple, np.argwhere(peers.consistent_extension(CHAIN + CHAIN.T, np.random.default_rng(seed)))))
        for seed in range(30)
    }
    assert found == {((0, 1), (1, 2)), ((1, 0), (1, 2)), ((1, 0), (2, 1))}


def test_half_directed_chain_has_one_extension():
    graph = CHAIN.copy()
    graph[2, 1] = 1  # A -> B - C
    for seed in range(5):
        assert np.array_equal(peers.consistent_extension(graph, np.random.default_rng(seed)), CHAIN)


def test_undirected_square_has_no_extension():
    square = np.zeros((4, 4))
    for i in range(4):
        square[i, (i + 1) % 4] = square[(i + 1) % 4, i] = 1
    with pytest.raises(ValueError, match="no consistent extension"):
        peers.consistent_extension(square, random_numbers())


def test_edge_probability_turns_rows_into_effects():
    graph = np.array([[0, 1, 0], [0, 0, 1], [0, 1, 0]])  # A -> B - C
    assert np.array_equal(peers.edge_probability(graph), [[0, 0, 0], [1, 0, 0.5], [0, 0.5, 0]])


# What goes in


def test_environments_are_the_tables_in_order():
    data, _ = continuous_data()
    tables = peers.environments(data)
    assert [table.dtype for table in tables] == [np.float64] * 4
    expected = [data.observational, *(regime.rows for regime in data.regimes)]
    assert all(np.allclose(table, rows) for table, rows in zip(tables, expected, strict=True))


def test_targets_become_columns_in_the_order_of_the_regimes():
    data = categorical_data({"first": 3, "second": 3, "third": 3})
    hit = {"third": (), "first": ("C", "A"), "second": ("B",)}
    assert peers.target_indices(data, hit) == [[0, 2], [1], []]


def test_methods_handle_the_data_they_are_made_for():
    numbers, categories = continuous_data()[0], categorical_data({"r": 4})
    mixed = InterventionalData.from_arrays(
        np.array([[0.0, 1], [1, 0], [2, 1]]), [np.eye(2)], kinds=[numbers.kinds[0], categories.kinds[0]]
    )
    for method in PACKAGES.values():
        both = method.name in ("ut-igsp", "enco")
        assert method.handles(numbers) == (both or method.name in ("gies", "gnies"))
        assert method.handles(categories) == (both or method.name == "sdi-reference")
        assert not method.handles(mixed)


# Peers that are not there


@pytest.mark.parametrize("package", PACKAGES)
def test_missing_says_why(monkeypatch, package):
    for module in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    reason = PACKAGES[package].missing(None)
    assert reason is not None
    assert package in reason
    assert "\n" not in reason


def test_a_checkout_is_imported_from_and_the_path_is_left_as_it_was(monkeypatch, tmp_path):
    (tmp_path / "peer_in_a_checkout.py").write_text("import warnings\nwarnings.warn('old')\nanswer = 42\n")
    before = sys.path[:]
    assert peers.absent(None, "get it", "peer_in_a_checkout") == "No module named 'peer_in_a_checkout'; get it"
    with peers.peer(tmp_path, "peer_in_a_checkout") as (module,):
        assert module.answer == 42
    assert peers.absent(None, "get it", "peer_in_a_checkout") is None
    assert sys.path == before
    monkeypatch.delitem(sys.modules, "peer_in_a_checkout")


# GIES and GnIES


def test_gies_gets_targets_and_every_accepted_step_is_seen(monkeypatch):
    data, hit = continuous_data()
    given = []

    def fit_bic(tables, targets):
        given.append((tables, targets))
        utils.replace_unprotected(CHAIN + CHAIN.T, targets)
        return utils.replace_unprotected(CHAIN, targets), -1.0

    fake_module(monkeypatch, "gies", fit_bic=fit_bic)
    utils = fake_module(monkeypatch, "gies.utils", replace_unprotected=lambda graph, targets: graph)
    sights = []
    answer = gies.GIES.fit(data, hit, 0, lambda *sight: sights.append(sight), None)
    assert given[0][1] == [[], [2], [0], [1]]
    assert len(given[0][0]) == 4
    assert np.array_equal(sights[0][0], (CHAIN + CHAIN.T) / 2)
    assert np.array_equal(answer.dag, truth_of(("A", "B"), ("B", "C")))
    assert np.array_equal(sights[-1][1], answer.dag)
    assert (len(sights), answer.steps, answer.targets) == (3, 2, None)


def test_gnies_shows_the_best_graph_of_its_searches(monkeypatch):
    data, _ = continuous_data()
    given = []

    def fit(tables, center):
        given.append((len(tables), center))
        results = [main._inner_procedure(which, {0}, phases=()) for which in range(3)]
        return results[1][1], results[1][0], {0}

    graphs = [(CHAIN * 0, 1.0), (COLLIDER, 3.0), (CHAIN, 2.0)]
    main = fake_module(monkeypatch, "gnies.main", fit=fit, _inner_procedure=lambda which, _, phases: graphs[which])
    fake_module(monkeypatch, "gnies", main=main)
    for method, center in ((gnies.GNIES, True), (gnies.GNIES_MEANS, False)):
        sights = []
        answer = method.fit(data, {}, 0, lambda *sight, seen=sights: seen.append(sight[1]), None)
        assert given.pop() == (4, center)
        assert [int(dag.sum()) for dag in sights] == [0, 2, 2]  # the third search is not the best
        assert np.array_equal(answer.dag, truth_of(("A", "C"), ("B", "C")))
        assert (answer.steps, answer.targets) == (3, None)


# UT-IGSP


def test_chi_squared_agrees_with_a_table_worked_by_hand():
    first, second = np.repeat([0, 0, 1, 1], [30, 20, 20, 30]), np.repeat([0, 1, 0, 1], [30, 20, 20, 30])
    nowhere = np.zeros(100, dtype=int)  # four cells of (30 - 25)^2 / 25, times 99 / 100: 3.96, p = 0.04659
    assert ut_igsp.dependent(first, second, nowhere, alpha=0.0467)
    assert not ut_igsp.dependent(first, second, nowhere, alpha=0.0465)
    assert not ut_igsp.dependent(first, nowhere, nowhere, alpha=0.99)  # no freedom


@pytest.mark.parametrize("size", [3, 10, 100])
def test_chi_squared_does_not_exceed_its_level_in_small_strata(size):
    rng = random_numbers()
    strata = np.repeat(np.arange(3_000 // size), size)
    found = [
        ut_igsp.dependent(rng.integers(3, size=len(strata)), rng.integers(2, size=len(strata)), strata, alpha=0.05)
        for _ in range(200)
    ]
    assert np.mean(found) < 0.09


def test_chi_squared_looks_within_strata():
    rng = random_numbers()
    common = rng.integers(2, size=4_000)
    first, second = (np.where(rng.random(4_000) < 0.9, common, 1 - common) for _ in range(2))
    codes = np.stack([first, second, common], 1)
    assert not ut_igsp._independence([codes], 0, 1, {2}, 1e-3)["reject"]
    assert ut_igsp._independence([codes], 0, 1, [], 1e-3)["reject"]
    assert ut_igsp._independence([codes], 0, 2, frozenset({1}), 1e-3)["reject"]


def test_invariance_is_against_the_regime_of_that_number():
    rng = random_numbers()
    same, shifted = (np.stack([rng.random(2_000) < p, rng.random(2_000) < 0.5], 1).astype(int) for p in (0.5, 0.8))
    tables = [same, same[::-1], shifted]
    assert not ut_igsp._invariance(tables, 0, 0, [1], 1e-3)["reject"]
    assert ut_igsp._invariance(tables, 1, 0, [1], 1e-3)["reject"]
    assert not ut_igsp._invariance(tables, 1, 1, [], 1e-3)["reject"]


def test_strata_number_the_combinations_that_occur():
    codes = np.array([[0, 5, 1], [1, 5, 1], [0, 5, 1], [0, 2, 1]])
    label = ut_igsp._strata(codes, [0, 1])
    assert label[0] == label[2]
    assert sorted(set(label)) == [0, 1, 2]
    assert not ut_igsp._strata(codes, []).any()


def test_ut_igsp_keeps_the_sparsest_run_and_its_targets(monkeypatch):
    class Graph(SimpleNamespace):
        def cpdag(self):
            return "class"

        def interventional_cpdag(self, targets, cpdag):
            assert cpdag == "class"
            assert all(isinstance(hit, set) for hit in targets)
            return self

        def to_amat(self, order):
            return self.amat, order

    dense = Graph(arcs={(0, 1), (1, 2), (0, 2)}, amat=CHAIN + CHAIN @ CHAIN)
    sparse = Graph(arcs={(1, 0), (1, 2)}, amat=CHAIN + CHAIN.T)  # A <- B -> C, undirected in its class
    found = [(dense, [{0}, {1}]), (sparse, [{1, 2}, set()]), (sparse, [{0, 1, 2}, set()])]
    runs = iter([*found, *found[:1] * 2])

    def search(settings, nodes, independence, invariance, nruns):
        assert (settings, nodes, nruns) == ([{"known_interventions": []}] * 2, {0, 1, 2}, 1)
        assert (independence["alpha"], invariance["alpha"]) == (1e-3, 1e-3)
        return next(runs)

    def tester(test, tables, alpha):
        return {"test": test, "alpha": alpha, "tables": tables}

    fake_module(
        monkeypatch,
        "causaldag",
        unknown_target_igsp=search,
        MemoizedCI_Tester=tester,
        MemoizedInvarianceTester=tester,
    )
    sights = []
    answer = ut_igsp.UT_IGSP.fit(
        categorical_data({"r": 9, "s": 9}), {}, 0, lambda *sight: sights.append(sight[1].sum()), None
    )
    assert np.array_equal(answer.dag, truth_of(("B", "A"), ("B", "C")))
    assert np.array_equal(answer.edge_probability, (CHAIN + CHAIN.T) / 2)
    assert answer.targets == [{"B", "C"}, set()]
    assert sights == [3, 2, 2, 2, 2]
    assert answer.steps == 5


# ENCO


def test_rows_are_gathered_by_target():
    data = categorical_data({"b": 4, "none": 3, "c": 2, "b again": 5})
    observational, by_target = enco.rows_by_target(data, {"b": ("B",), "none": (), "c": ("C",), "b again": ("B",)})
    b, none, c, again = (regime.rows.numpy() for regime in data.regimes)
    assert np.array_equal(observational, np.concatenate([data.observational.numpy(), none]))
    assert by_target[0] is None
    assert np.array_equal(by_target[1], np.concatenate([b, again]))
    assert np.array_equal(by_target[2], c)
    assert observational.dtype == by_target[1].dtype == np.int32
    assert enco.rows_by_target(*continuous_data())[0].dtype == np.float32


def test_enco_refuses_two_targets_in_a_regime():
    with pytest.raises(ValueError, match="'both' has 2"):
        enco.rows_by_target(categorical_data({"both": 4}), {"both": ("A", "B")})


def test_enco_reads_rows_as_causes_and_breaks_the_weakest_edge_of_a_cycle():
    exists, oriented = torch.full((3, 3), -9.0), torch.full((3, 3), -9.0)
    for cause, effect, sure in ((0, 1, 1.0), (1, 2, 3.0), (2, 0, 2.0)):
        exists[cause, effect], oriented[cause, effect] = sure, 5.0
    probability, dag = enco._read(exists, oriented)
    assert np.array_equal(dag, truth_of(("B", "C"), ("C", "A")))
    assert probability[1, 0] == pytest.approx(1 / (1 + np.exp(-1)) / (1 + np.exp(-5)))
    assert probability[0, 1] < 1e-6


def test_enco_predicts_by_both_halves_not_by_their_product():
    exists, oriented = torch.full((2, 2), -9.0), torch.full((2, 2), -9.0)
    exists[0, 1] = oriented[0, 1] = 0.1
    probability, dag = enco._read(exists, oriented)
    assert probability[1, 0] < 0.5
    assert np.array_equal(dag, [[False, False], [True, False]])


def test_enco_gets_all_rows_and_every_epoch_is_seen(monkeypatch, capsys):
    made = []

    class Enco:
        def __init__(self, graph, **settings):
            made.append((graph, settings))
            print("a long description")

        def discover_graph(self, num_epochs):
            for epoch in range(num_epochs):
                self.gamma = self.theta = torch.full((3, 3), -9.0)
                self.gamma[2, 0] = epoch - 0.5  # C -> A, from the second epoch on
                self.print_graph_statistics(epoch=epoch + 1, log_metrics=True)

    class Graph:
        def __init__(self, variables, adj_matrix, exclude_inters):
            self.variables, self.adj_matrix, self.exclude_inters = variables, adj_matrix, exclude_inters

    fake_module(monkeypatch, "causal_discovery")
    fake_module(monkeypatch, "causal_discovery.enco", ENCO=Enco)
    utils = fake_module(monkeypatch, "causal_discovery.utils", CLUSTER=False)
    fake_module(monkeypatch, "causal_graphs")
    fake_module(
        monkeypatch, "causal_graphs.graph_definition", CausalDAG=Graph, CausalVariable=lambda name, kind: (name, kind)
    )
    fake_module(
        monkeypatch,
        "causal_graphs.variable_distributions",
        CategoricalDist=lambda states, table: states,
        ContinuousProbDist=lambda: "number",
    )
    data, sights = categorical_data({"b": 4, "c": 2, "b again": 5}), []
    hit = {"b": ("B",), "c": ("C",), "b again": ("B",)}
    method = enco.method("enco-two", epochs=2, hidden_dims=[32])
    answer = method.fit(data, hit, 0, lambda *sight: sights.append(sight), None)
    ((graph, settings),) = made
    assert graph.variables == [("A", 2), ("B", 3), ("C", 2)]
    assert not graph.adj_matrix.any()
    assert graph.exclude_inters == [0]
    assert graph.data_int.shape == (3, 9, 3)
    assert [len(rows) for rows in graph.data_int] == [2, 9, 2]
    assert settings == {"sample_size_obs": 12, "sample_size_inters": 9, "hidden_dims": [32]}
    assert utils.CLUSTER
    assert capsys.readouterr().out == ""
    assert not sights[0][1].any()
    assert np.array_equal(sights[1][1], truth_of(("C", "A")))
    assert np.array_equal(answer.dag, sights[1][1])
    assert (answer.steps, answer.targets) == (2, None)


# Reference SDI


class World:
    """As much of the repository's world as our own one builds on."""

    def __init__(self) -> None:
        self.gamma = torch.full((3, 3), -5.0)
        self.initgraph()

    def initgammagt(self):
        self.gammagt = torch.zeros(self.M, self.M)

    def logprob_nograd(self, sample, config, block, **settings):
        return block

    def reconstrain_gamma(self):
        self.gamma.clamp_(-5, 5)


def test_reference_world_draws_from_our_tables_and_does_not_know_the_target():
    data, seen = categorical_data({"first": 4, "second": 7}), []
    world = reference_sdi._world(World, data, lambda logits: seen.append(logits.clone()))()
    assert (world.M, list(world.N)) == (3, [2, 3, 2])
    assert not world.gammagt.any()
    assert world.alterdists() is world
    assert torch.equal(world.dataset, data.observational.T.int())
    assert world.dataset.dtype == torch.int32
    for _ in range(60):
        with world.intervention() as node:
            assert list(node) == []
            assert torch.equal(world.dataset, data.regimes[world.regime].rows.T.int())
            world.logprob_nograd(None, None)  # guessing
            assert world.logprob_nograd(None, None, block=2 if world.regime else 1) in (1, 2)
            world.gamma[0, 1] = 7.0
            world.reconstrain_gamma()
        assert world.dataset.shape == (3, data.n)
    assert len(seen) == 60
    assert seen[-1][0, 1] == 5.0
    assert all(len(guesses) == reference_sdi.GUESSES for guesses in world.guesses)
    assert reference_sdi._targets(world.guesses, data.names) == [{"B"}, {"C"}]


def test_reference_targets_are_the_most_frequent_guess():
    assert reference_sdi._targets([[0, 2, 2], []], "ABC") == [{"C"}, set()]


def test_reference_reads_rows_as_effects():
    logits = torch.tensor([[-torch.inf, -4.0, -4.0], [3.0, -torch.inf, -4.0], [-4.0, 2.0, -torch.inf]])
    probability, dag = reference_sdi._read(logits)
    assert np.array_equal(dag, truth_of(("A", "B"), ("B", "C")))
    assert probability[1, 0] == pytest.approx(1 / (1 + np.exp(-3)))
    assert not probability.diagonal().any()


# Real runs


def needs(method, checkout=None) -> Path | None:
    folder = os.environ.get(checkout) if checkout else None
    path = Path(folder) if folder else None
    if reason := method.missing(path):
        pytest.skip(reason)
    return path


@pytest.mark.parametrize("method", [gies.GIES, gnies.GNIES, gnies.GNIES_MEANS, ut_igsp.UT_IGSP], ids=lambda m: m.name)
def test_gaussian_methods_find_a_chain_against_the_order_of_its_variables(method):
    needs(method)
    data, hit = continuous_data(rows=2_000)
    sights = []
    answer = method.fit(data, hit if method.told_targets else {}, 0, lambda *sight: sights.append(sight), None)
    expected = truth_of(("B", "C"), ("C", "A"))
    assert np.array_equal(answer.dag, expected)
    assert np.array_equal(answer.edge_probability, expected)
    assert np.array_equal(sights[-1][1], expected)
    assert answer.steps
    if method is ut_igsp.UT_IGSP:
        assert answer.targets == [{"C"}, {"A"}, {"B"}]


def chain_of_categories() -> simulate.Simulation:
    """C -> A -> B with clear effects, in tables whose columns are A, B, C."""
    made = simulate.simulate(
        networks.load("chain3"), intervention=simulate.hard_uniform, rows=2_000, rows_per_regime=500, seed=0
    )
    order = ["X1", "X2", "X0"]
    columns = [made.data.names.index(name) for name in order]
    data = InterventionalData.from_arrays(
        made.data.observational[:, columns].long(),
        {regime.name: regime.rows[:, columns].long() for regime in made.data.regimes},
        names=list("ABC"),
    )
    renamed = {regime: tuple("ABC"[order.index(name)] for name in hit) for regime, hit in made.targets.items()}
    assert nx.is_path(made.truth.graph, ["X0", "X1", "X2"])
    return simulate.Simulation(data, made.truth, renamed)


def test_ut_igsp_finds_a_chain_of_categories():
    needs(ut_igsp.UT_IGSP)
    data, _, hit = chain_of_categories()
    answer = ut_igsp.UT_IGSP.fit(data, {}, 0, lambda *sight: None, None)
    assert np.array_equal(answer.dag, truth_of(("C", "A"), ("A", "B")))
    assert answer.targets == [set(hit[name]) for name in data.regime_names]


def test_enco_finds_the_edges_of_a_chain_of_categories():
    checkout = needs(enco.ENCO, "PEER_ENCO")
    data, _, hit = chain_of_categories()
    short = enco.method("enco-short", epochs=2, hidden_dims=[32], GF_num_graphs=20, model_iters=300)
    sights = []
    answer = short.fit(data, hit, 0, lambda *sight: sights.append(sight), checkout)
    truth = truth_of(("C", "A"), ("A", "B"))
    assert answer.dag[truth].all()
    assert answer.edge_probability[truth].min() > 0.9
    assert answer.edge_probability.T[truth].max() < 0.1
    assert len(sights) == 2


def test_enco_runs_on_numbers_with_some_regimes():
    checkout = needs(enco.ENCO, "PEER_ENCO")
    data, hit = continuous_data()
    data = InterventionalData(data.names, data.kinds, data.observational, data.regimes[:2])
    short = enco.method("enco-short", epochs=1, hidden_dims=[8], GF_num_graphs=4, model_iters=20, graph_iters=4)
    answer = short.fit(data, hit, 0, lambda *sight: None, checkout)
    assert answer.edge_probability.shape == (3, 3)
    assert nx.is_directed_acyclic_graph(nx.from_numpy_array(answer.dag, create_using=nx.DiGraph))


def test_reference_sdi_runs_on_our_rows():
    checkout = needs(reference_sdi.REFERENCE_SDI, "PEER_SDI")
    data, _, _ = chain_of_categories()
    short = reference_sdi.method("sdi-short", epochs=1, dpe=2, train_functional=3_000, ipd=40, predict=20)
    sights = []
    answer = short.fit(data, {}, 0, lambda *sight: sights.append(sight), checkout)
    assert (answer.steps, len(sights)) == (80, 8)
    assert answer.edge_probability.shape == (3, 3)
    assert not answer.edge_probability.diagonal().any()
    assert answer.edge_probability[0, 2] > 0.5  # C -> A
    assert answer.edge_probability[1, 0] > 0.5  # A -> B
    assert all(len(found) == 1 for found in answer.targets)


def test_peers_refuse_weights():
    data, _ = continuous_data(10)
    weighted = replace(data, observational_weights=torch.full((data.n,), 2.0))
    with pytest.raises(ValueError, match="peers take no weights"):
        peers.environments(weighted)
