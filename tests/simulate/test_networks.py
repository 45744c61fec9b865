import gzip
import sys
import warnings

import networkx as nx
import numpy as np
import pytest

from pyrocausal.simulate.networks import available, load, read_bif

EXAMPLES = "utils/example_models"


@pytest.fixture
def example():
    """Path of a .bif.gz packaged with pgmpy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pgmpy's own deprecations
        pgmpy = pytest.importorskip("pgmpy", reason="pgmpy, the optional extra 'networks', is not installed")
    from importlib import resources

    folder = resources.files(pgmpy) / EXAMPLES
    if not (folder / "asia.bif.gz").is_file():
        pytest.skip("this version of pgmpy packages no networks")
    return lambda name: folder / f"{name}.bif.gz"


@pytest.mark.parametrize("name", available())
def test_shipped_networks_are_whole(name):
    truth = load(name)
    assert nx.is_directed_acyclic_graph(truth.graph)
    for variable in truth.names:
        table = truth.table(variable)
        assert table.shape == (*(truth.card(p) for p in truth.parents(variable)), truth.card(variable))
        np.testing.assert_allclose(table.sum(-1), 1.0)
    sample = truth.sample(50, np.random.default_rng(0))
    assert list(sample.columns) == list(truth.names)


@pytest.mark.parametrize("name", ["chain3", "fork3", "collider3", "confounder3"])
def test_small_networks_have_clear_effects(name):
    truth = load(name)
    assert all(truth.conditional_mutual_information(*edge) > 0.05 for edge in truth.graph.edges)


def test_small_networks_have_their_graphs():
    edges = {name: set(load(name).graph.edges) for name in ("chain3", "fork3", "collider3", "confounder3")}
    assert edges == {
        "chain3": {("X0", "X1"), ("X1", "X2")},
        "fork3": {("X0", "X1"), ("X0", "X2")},
        "collider3": {("X0", "X2"), ("X1", "X2")},
        "confounder3": {("X0", "X1"), ("X0", "X2"), ("X1", "X2")},
    }


def test_published_numbers_spot_checks():
    asia, sachs = load("asia"), load("sachs")
    assert asia.states["dysp"] == ("yes", "no")
    assert asia.parents("dysp") == ("bronc", "either")
    np.testing.assert_allclose(asia.table("dysp")[1, 0], [0.7, 0.3])  # bronc no, either yes
    np.testing.assert_allclose(asia.table("dysp")[0, 1], [0.8, 0.2])  # bronc yes, either no
    assert sachs.states["PKA"] == ("LOW", "AVG", "HIGH")
    assert len(sachs.graph) == 11
    assert sachs.graph.number_of_edges() == 17
    assert sachs.parents("Mek") == ("PKA", "PKC", "Raf")
    np.testing.assert_allclose(sachs.table("Mek")[1, 0, 2], [0.8652899, 0.1010029, 0.0337072], rtol=1e-6)


@pytest.mark.parametrize("name", ["asia", "sachs"])
def test_shipped_tables_equal_those_pgmpy_packages(name, example):
    ours, theirs = load(name), read_bif(example(name))
    assert ours.names == theirs.names
    assert ours.states == theirs.states
    assert set(ours.graph.edges) == set(theirs.graph.edges)
    for variable in ours.names:
        np.testing.assert_allclose(ours.table(variable), theirs.table(variable), atol=1e-9)


def test_table_axes_follow_pgmpy_by_state_name(example):
    """Our axes against pgmpy's own lookup, which goes by names and so cannot be transposed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pgmpy.readwrite import BIFReader

        model = BIFReader(string=gzip.decompress(example("sachs").read_bytes()).decode()).get_model()
    truth = load("sachs")
    for variable in truth.names:
        cpd, table, parents = model.get_cpds(variable), truth.table(variable), truth.parents(variable)
        for cell in np.ndindex(table.shape):
            at = {name: truth.states[name][state] for name, state in zip((*parents, variable), cell, strict=True)}
            assert table[cell] == pytest.approx(cpd.get_value(**at), abs=1e-6)


def test_other_networks_come_through_pgmpy(example):
    truth = load("cancer")
    assert set(truth.names) == {"Pollution", "Smoker", "Cancer", "Xray", "Dyspnoea"}
    assert set(truth.parents("Cancer")) == {"Pollution", "Smoker"}


PLAIN = """network unknown {
}
variable late {
  type discrete [ 3 ] { a, b, c };
}
variable early {
  type discrete [ 2 ] { x, y };
}
variable other {
  type discrete [ 2 ] { u, v };
}
probability ( early ) {
  table 0.25, 0.75;
}
probability ( other ) {
  table 0.5, 0.5;
}
probability ( late | other, early ) {
  (u, x) 0.1, 0.2, 0.7;
  (v, x) 0.2, 0.2, 0.6;
  (u, y) 0.3, 0.3, 0.4;
  (v, y) 0.8, 0.1, 0.1;
}
"""


def test_read_bif_puts_axes_in_the_order_of_the_variables(tmp_path, example):
    path = tmp_path / "plain.bif"
    path.write_text(PLAIN)
    truth = read_bif(path)
    parents = truth.parents("late")
    u_y = tuple({"early": 1, "other": 0}[name] for name in parents)
    np.testing.assert_allclose(truth.table("late")[u_y], [0.3, 0.3, 0.4])
    assert truth.states["late"] == ("a", "b", "c")


def test_unknown_names_are_refused_with_the_shipped_ones():
    with pytest.raises(ValueError, match=r"chain3.*sachs"):
        load("no such network")


def test_without_pgmpy_the_way_out_is_named(monkeypatch, tmp_path):
    for module in [name for name in sys.modules if name.split(".")[0] == "pgmpy"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pgmpy", None)
    with pytest.raises(ValueError, match=r"pip install 'pyrocausal\[networks\]'"):
        load("alarm")
    path = tmp_path / "plain.bif"
    path.write_text(PLAIN)
    with pytest.raises(ImportError, match=r"pyrocausal\[networks\]"):
        read_bif(path)
    assert load("asia").names[0] == "asia"
