"""Several chains are timed against one."""

import pytest

from benchmarks import chains
from benchmarks.__main__ import main
from benchmarks.problems import Problem
from pyrocausal import simulate
from pyrocausal.networks import load


@pytest.fixture
def tiny(monkeypatch):
    def build(seed):
        truth = load("chain3")
        sizes = {"rows": 300, "rows_per_regime": 60}
        return simulate.simulate(truth, intervention=simulate.hard_uniform, seed=seed, **sizes), ""

    class Suite:
        def problem(self, name):
            return Problem(name, build)

    monkeypatch.setattr(chains, "SUITES", dict.fromkeys(chains.PROBLEMS.values(), Suite()))


def test_chains_are_timed(tiny, capsys):
    table = chains.time_chains([3], ["tanh5"], chains=2, cores=1)
    assert table.index.tolist() == [("tanh5", 3)]
    row = table.iloc[0]
    assert (row > 0).all()
    assert row.ratio == pytest.approx(row.all_wall / row.one_wall)
    assert row.even == pytest.approx(row.all_cpu / row.one_cpu)
    assert row.all_cpu > row.one_cpu
    assert capsys.readouterr().out.startswith("tanh5 3: one_wall ")
    assert main(["chains", "--seeds", "4", "--problems", "tanh5", "--chains", "1", "--cores", "1"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
