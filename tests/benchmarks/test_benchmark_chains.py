"""Several chains are timed against one."""

from functools import partial

import pytest
from example_chains import ALGORITHM, SETTLING, small

from benchmarks import chains
from benchmarks.__main__ import main
from benchmarks.problems import Problem
from pyrocausal.simulate.experiments import Simulation


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """A small problem and brief fits."""

    class Suite:
        def problem(self, name):
            return Problem(name, lambda seed: (Simulation(small(), None, {}), ""))

    monkeypatch.setattr(chains, "SUITES", dict.fromkeys(chains.PROBLEMS.values(), Suite()))
    monkeypatch.setattr(chains, "discover", partial(chains.discover, algorithm=ALGORITHM, settling=SETTLING))


def test_chains_are_timed(capsys):
    table = chains.time_chains([3], ["tanh5"], chains=3, cores=1)
    assert table.index.tolist() == [("tanh5", 3)]
    row = table.iloc[0]
    assert row.ratio == pytest.approx(row.all_wall / row.one_wall)
    assert row.even == pytest.approx(row.all_cpu / row.one_cpu)
    assert row.all_cpu > row.one_cpu > 0
    assert capsys.readouterr().out.startswith("tanh5 3: one_wall ")


def test_the_command_prints_a_line_a_problem(capsys):
    assert main(["chains", "--seeds", "4", "--chains", "1", "--cores", "1"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["sachs-uniform 4", "tanh5 4"]
