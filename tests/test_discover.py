"""The front door: reproducible on any number of cores, checked before any work, quiet when asked."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from functools import partial

import pytest
import torch
from conftest import make_rows

from pyrocausal.data import InterventionalData, Regime
from pyrocausal.discover import discover
from pyrocausal.kinds import Categorical
from pyrocausal.mechanisms import NeuralMechanisms
from pyrocausal.result import CausalPosterior
from pyrocausal.sdi import SDI
from pyrocausal.settings import GraphFitting, GraphScoring, Stopping

NAMES = ("A", "B", "C")
KINDS = (Categorical((0, 1)),) * 3
UNSETTLED = "ignore:.*chains have not settled:RuntimeWarning"


@pytest.fixture
def data() -> InterventionalData:
    """A -> B, and C apart; A is hit in one regime, B in another."""
    torch.manual_seed(0)

    def table(n, hit=None):
        rows = make_rows(KINDS, n)
        copied = torch.where(torch.rand(n) < 0.9, rows[:, 0], rows[:, 1])
        rows[:, 1] = copied if hit != "B" else rows[:, 1]
        return rows

    return InterventionalData(
        NAMES, KINDS, table(300), (Regime("one", table(80, "A"), ("A",)), Regime("two", table(80, "B"), ("B",)))
    )


ALGORITHM = SDI(
    mechanisms=partial(NeuralMechanisms, hidden=4),
    fitting=GraphFitting(rows=64, warm_up=30, steps=2, every=2, regime_rows=False),
    scoring=GraphScoring(graphs=10, rows=80, work=10**9, target_graphs=4),
    stopping=Stopping(tolerance=0.02, patience=5, max_steps=4),
)
quick = partial(discover, algorithm=ALGORITHM, progress=False, cores=1)


def assert_same(one: CausalPosterior, other: CausalPosterior) -> None:
    assert one.seed == other.seed
    assert len(one.chains) == len(other.chains)
    for a, b in zip(one.chains, other.chains, strict=True):
        assert a.seed == b.seed
        assert torch.equal(a.edge_probability, b.edge_probability)
        assert torch.equal(a.target_probability, b.target_probability)
        assert a.trace.equals(b.trace)
        state, again = a.model.state_dict(), b.model.state_dict()
        assert all(torch.equal(state[name], again[name]) for name in state)


@pytest.mark.filterwarnings(UNSETTLED)
def test_the_same_seed_gives_the_same_bits_on_any_number_of_cores(data, capfd):
    torch.set_num_threads(2)
    alone = quick(data, chains=2, seed=5)
    assert torch.get_num_threads() == 2
    spread = discover(data, chains=2, cores=2, seed=5, algorithm=ALGORITHM, progress=True)
    assert torch.get_num_threads() == 2
    assert_same(alone, spread)
    shown = capfd.readouterr().err
    assert "8/8" in shown  # both chains report to one bar, across processes
    assert "confidence" in shown and "edges" in shown


@pytest.mark.filterwarnings(UNSETTLED)
def test_seeds(data):
    one = quick(data, chains=2, seed=5)
    assert_same(one, quick(data, chains=2, seed=5))
    first, second = one.chains
    assert first.seed != second.seed
    assert not torch.equal(first.edge_probability, second.edge_probability)
    other = quick(data, chains=2, seed=6)
    assert not torch.equal(first.edge_probability, other.chains[0].edge_probability)
    # More chains leave the first ones as they were.
    more = quick(data, chains=3, seed=5)
    assert torch.equal(more.chains[1].edge_probability, second.edge_probability)
    fresh, again = quick(data, chains=1), quick(data, chains=1)
    assert fresh.seed != again.seed
    assert_same(fresh, quick(data, chains=1, seed=fresh.seed))


@pytest.mark.filterwarnings(UNSETTLED)
def test_the_random_state_of_torch_is_left_alone(data):
    before = torch.get_rng_state()
    quick(data, chains=1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.filterwarnings(UNSETTLED)
def test_what_comes_back(data):
    result = quick(data, chains=2, seed=0)
    assert result.data is data
    assert result.edge_probabilities.shape == (3, 3)
    assert result.targets() == {"one": ("A",), "two": ("B",)}  # they were known
    for chain in result.chains:
        assert chain.trace.index.name == "step"
        assert chain.trace.index.tolist() == [1, 2, 3, 4]
        assert list(chain.trace.columns) == ["loss", "confidence", "edges", "gradient_norm"]
        assert not chain.trace.isna().any().any()
        assert chain.cpu_seconds > 0
        assert torch.equal(chain.model.beliefs.edge_probability, chain.edge_probability)


def test_a_fit_to_the_end_finds_the_edge_and_says_nothing(data, capfd):
    algorithm = replace(
        ALGORITHM,
        fitting=replace(ALGORITHM.fitting, warm_up=200),
        scoring=GraphScoring(graphs=40, rows=80, work=10**9, target_graphs=4),
        stopping=Stopping(tolerance=0.1, patience=5, max_steps=200),
    )
    result = discover(data, chains=1, cores=1, seed=0, algorithm=algorithm, progress=False)  # a warning is an error
    assert result.settled
    assert set(result.to_networkx().edges) == {("A", "B")}
    output = capfd.readouterr()
    assert output.out == output.err == ""


@pytest.mark.filterwarnings(UNSETTLED)
def test_required_and_forbidden_edges(data):
    result = quick(data, chains=2, seed=0, required=iter([("C", "A")]), forbidden=iter([("A", "B")]))
    edges = result.edge_probabilities
    assert edges.sel(effect="A", cause="C").item() == 1.0
    assert edges.sel(effect="C", cause="A").item() == 0.0
    assert edges.sel(effect="B", cause="A").item() == 0.0
    assert 0 < edges.sel(effect="C", cause="B").item() < 1


def test_one_warning_for_all_chains(data):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = quick(data, chains=3, seed=0)
    ours = [w for w in caught if issubclass(w.category, RuntimeWarning)]
    assert len(ours) == 1
    text = str(ours[0].message)
    assert text.startswith("3 of 3 chains have not settled after 4 steps (confidence 0.")
    assert text.count("0.") == 3
    assert "raise max_steps" in text
    assert os.path.samefile(ours[0].filename, __file__)
    assert not result.settled


def test_max_steps_replaces_the_algorithms_own(data):
    with pytest.warns(RuntimeWarning, match="1 of 1 chains have not settled after 2 steps"):
        result = quick(data, chains=1, max_steps=2, seed=0)
    assert len(result.chains[0].trace) == 2
    assert ALGORITHM.stopping.max_steps == 4


@pytest.mark.filterwarnings(UNSETTLED)
def test_progress_goes_to_stderr(data, capfd):
    discover(data, chains=2, cores=1, seed=0, algorithm=ALGORITHM, progress=True)
    output = capfd.readouterr()
    assert output.out == ""
    assert "discover" in output.err and "8/8" in output.err
    assert "confidence" in output.err and "edges" in output.err


def test_progress_counts_only_the_steps_that_were_needed(data, capfd):
    forbidden = [(a, b) for a in NAMES for b in NAMES if a != b]  # nothing to learn: settles at the patience
    algorithm = replace(ALGORITHM, stopping=Stopping(patience=2, max_steps=50))
    discover(data, chains=1, cores=1, seed=0, algorithm=algorithm, forbidden=forbidden)
    assert "2/2" in capfd.readouterr().err


@pytest.mark.filterwarnings(UNSETTLED)
def test_threads_are_restored_after_an_error_too(data):
    torch.set_num_threads(2)

    def broken(kinds):
        raise RuntimeError("no mechanisms today")

    with pytest.raises(RuntimeError, match="no mechanisms today"):
        quick(data, chains=1, algorithm=replace(ALGORITHM, mechanisms=broken))
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", ["chains", "cores", "max_steps"])
@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, "2", True])
def test_whole_numbers(data, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, got {value!r}"):
        discover(data, **{name: value})


@pytest.mark.parametrize("value", [-1, 1.5, "0", False])
def test_seed_must_be_a_whole_number(data, value):
    with pytest.raises(ValueError, match=f"seed must be a whole number of at least 0, got {value!r}"):
        discover(data, seed=value)


def test_other_arguments(data):
    with pytest.raises(TypeError, match=r"data must be an InterventionalData, got Tensor; .*from_frame"):
        discover(data.observational)
    with pytest.raises(ValueError, match="required names 'Z'"):
        discover(data, required=[("A", "Z")])
    with pytest.raises(ValueError, match="forbidden names 'Z'"):
        discover(data, forbidden=[("Z", "A")])
    with pytest.raises(ValueError, match="both required and forbidden"):
        discover(data, required=[("A", "B")], forbidden=[("A", "B")])
    with pytest.raises(ValueError, match="required edges form the cycle"):
        discover(data, required=[("A", "B"), ("B", "A")])
    with pytest.raises(TypeError, match="positional"):
        discover(data, 2)
