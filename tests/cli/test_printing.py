"""What the terminal shows of a result, made by hand."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import torch
from example_verdicts import made_result, settled_chain

from pyrocausal.checks.findings import Diagnosis
from pyrocausal.checks.verdict import verdict
from pyrocausal.cli.printing import WIDTH, print_edges, print_targets, print_verdict

EDGES = {("X0", "X1"): 1.0, ("X1", "X2"): 0.9, ("X2", "X3"): 0.95, ("X0", "X3"): 0.7}
STRENGTHS = dict(zip(EDGES, (0.06, 0.3, 0.01, 0.02), strict=True))


def test_the_verdict_is_in_words_of_the_shell_and_fits_a_terminal(capsys):
    result = made_result(settled_chain(settled=False))
    print_verdict(result, Diagnosis())
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines).split() == str(verdict(result, Diagnosis(), shell=True)).split() and "--seed" in " ".join(
        lines
    )
    assert max(map(len, lines)) <= WIDTH and lines[-1] == ""


def test_weak_edges_are_counted_and_strong_ones_listed(capsys):
    print_edges(made_result(settled_chain(EDGES, STRENGTHS)))
    assert capsys.readouterr().out.splitlines() == [
        "edges above 0.5: 4, the strongest first, with probability and nats per row",
        "  X1 -> X2  0.90  0.300", "  X0 -> X1  1.00  0.060",
        "  and 2 weak, below 0.05 nats per row",
    ]  # fmt: skip
    print_edges(made_result(settled_chain()))
    assert "weak" not in capsys.readouterr().out
    print_edges(made_result(settled_chain(EDGES, None)))
    out = capsys.readouterr().out
    assert out.count("->") == 4 and "nats" not in out and "nan" not in out  # of unknown strength


def test_weak_edges_that_are_wrong_are_listed(capsys):
    result = made_result(settled_chain(EDGES, STRENGTHS))
    truth = nx.DiGraph([("X0", "X1"), ("X1", "X2"), ("X2", "X3"), ("X1", "X3")])
    print_edges(replace(result, data=replace(result.data, truth=truth)))
    out = capsys.readouterr().out
    assert "  X0 -> X3  0.70  0.020  extra\n  X1 -> X3        missing\n  and 1 weak" in out


def test_targets_come_by_strength(capsys):
    hit = torch.tensor([[0.0, 0, 0, 1, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 1]])
    strength = torch.tensor([[0.0, 0, 0, 0.04], [0.1, 0.02, 0.5, 0], [0, 0, 0, 0]]).double()
    print_targets(made_result(settled_chain(targets=hit, target_strength=strength)))
    assert capsys.readouterr().out.splitlines() == [
        "targets, the strongest first:", "  regime 1  X2, X0 (weak: X1)", "  regime 0  (weak: X3)", "  regime 2  none",
    ]  # fmt: skip


def test_a_regime_whose_target_is_unclear_has_not_none(capsys):
    hit = torch.tensor([[0.45, 0.05, 0.3, 0.06, 0.14], [0, 0, 0.3, 0, 0.7], [0, 0.6, 0, 0, 0.4]])
    print_targets(made_result(settled_chain(targets=hit)))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  regime 2  X1", "  regime 0  unclear: X0 0.45, X2 0.30, X3 0.06; none 0.14", "  regime 1  none",
    ]  # fmt: skip
