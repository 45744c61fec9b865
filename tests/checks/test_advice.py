"""Advice that fits the run it is given to, in either language."""

from __future__ import annotations

import pytest
import torch
from example_verdicts import asked, made_result, settled_chain

from pyrocausal.checks.advice import ADVICE, advice, several_targets
from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.findings import NAMES, Diagnosis, Finding
from pyrocausal.checks.run_settings import Run
from pyrocausal.data.kinds import Categorical, Continuous, Count

SILENT = {"several_gain": torch.nan}
CHANGED = ("regime 0", "X1")


def run(settings=None, told=None, known=None, **changes) -> Run:
    chain = settled_chain(known=known, **(SILENT | changes))
    return Run.of(made_result(chain, settings=settings, told=told))


def test_every_finding_has_its_advice():
    assert set(ADVICE) == set(NAMES)
    for name in NAMES:
        for shell in (False, True):
            text = advice(name, Run(), [("X0", "X1")], shell=shell)
            assert not text or (text[0].isupper() and text.endswith("."))


# ------------------------------------------------------------------ what a run was asked for
def test_what_a_result_says_of_its_run():
    found = run(asked(False, rounds=4), told=[("X0",), None, ()], known={"forbidden": [("X0", "X1"), ("X1", "X0")]})
    assert (found.several, found.several_found, found.settles, found.limit) == (False, None, True, 4)
    assert found.stated == {"regime 0", "regime 2"} and found.apart == {frozenset({"X0", "X1"})}
    assert run(known={"forbidden": [("X0", "X1")]}).apart == frozenset()  # the other direction is open
    asked_for = run(asked(), several_gain=-3.0)
    assert (asked_for.several, asked_for.several_found, asked_for.several_gain) == (None, False, -3.0)
    assert run(asked(), several=True, several_gain=3.0).several_found is True
    paper = run(asked(rounds=None, rule="greatest_drop"))
    assert (paper.published, paper.settles, paper.limit) == (True, False, 60)
    assert not run(asked()).published


def test_a_result_whose_settings_nobody_wrote_down():
    result = made_result(settled_chain(several=True, **SILENT))
    bare = Run.of(type(result)(result.data, result.chains, 0))
    assert (bare.several, bare.settles, bare.limit) == (True, True, None)


# ------------------------------------------------------------------ several targets
def test_several_targets_are_advised_only_where_they_were_not_allowed_or_asked_for():
    assert several_targets(run(asked(True), several=True), False) == ""
    assert several_targets(run(asked(), several_gain=-3.0), False) == ""
    assert several_targets(run(asked(), several=True, several_gain=3.0), False) == ""
    nothing_settles = run(asked(rounds=None))
    assert several_targets(nothing_settles, False) == "allow several targets (TargetPrior(several=True))"
    assert several_targets(nothing_settles, True) == "allow several targets (--several-targets)"
    assert several_targets(run(asked(False)), False) == "allow several targets (leave TargetPrior(several=False) out)"
    assert several_targets(run(asked(False)), True) == "allow several targets (leave --one-target out)"
    assert "--paper" in several_targets(run(asked(rounds=None, rule="greatest_drop")), True)


@pytest.mark.parametrize("name", ["unclear-target", "changed-mechanism"])
def test_findings_do_not_advise_what_the_run_has_decided(name):
    for decided in (run(asked(True), several=True), run(asked(), several_gain=-3.0)):
        text = advice(name, decided, [CHANGED])
        assert "several" not in text and text
    assert "several" in advice(name, run(asked(rounds=None)), [CHANGED])


def test_a_changed_mechanism_where_targets_were_told():
    told = run(asked(rounds=None), told=[("X0",), None, None])
    stated, open_ = (
        advice("changed-mechanism", told, [CHANGED]),
        advice("changed-mechanism", told, [("regime 1", "X0")]),
    )
    assert "AtLeast" in stated and "several" not in stated
    assert "several" in open_ and "AtLeast" not in open_
    both = advice("changed-mechanism", told, [CHANGED, ("regime 1", "X0")], shell=True)
    assert "--at-least" in both and "--several-targets" in both


def test_an_unclear_target_under_the_published_rule_has_no_prior():
    paper, plain = run(asked(rounds=None, rule="greatest_drop")), run(asked())
    assert "TargetPrior" not in advice("unclear-target", paper, [("regime 0",)])
    assert "TargetPrior(probability=...)" in advice("unclear-target", plain, [("regime 0",)])
    shell = advice("unclear-target", plain, [("regime 0",)], shell=True)
    assert "--probable-target" in shell and "--target REGIME=VARIABLE" in shell and "TargetPrior" not in shell


# ------------------------------------------------------------------ the other settings
def test_more_chains_only_where_there_are_few():
    pair = ("X0", "X1")
    assert "fit more chains (chains=)" in advice("restarts-disagree", Run(chains=2), [pair])
    assert "(--chains)" in advice("restarts-disagree", Run(chains=2), [pair], shell=True)
    assert "more chains" not in advice("restarts-disagree", Run(chains=4), [pair])
    assert advice("not-checked", Run(chains=1), [()]) == "chains=4 shows whether restarts agree."
    assert advice("not-checked", Run(chains=1), [()], shell=True).startswith("--chains 4")
    assert advice("not-checked", Run(chains=2), [()]) == advice("not-checked", Run(chains=1, stopped=True), [()]) == ""


def test_how_to_finish():
    said = [
        advice("not-converged", each, [("chain 0",)]) for each in (Run(limit=6), Run(settles=False), Run(stopped=True))
    ]
    assert "Settling.rounds above 6" in said[0] and "max_steps" in said[1] and "let it end" in said[2]
    assert "--max-steps" in advice("not-converged", Run(settles=False), [("chain 0",)], shell=True)


def test_cycles():
    assert "Leave Settling(rounds=0) out" in advice("cycles", Run(settles=False))
    assert "Leave --no-settling out" in advice("cycles", Run(settles=False), shell=True)
    assert "Leave --paper out" in advice("cycles", Run(settles=False, published=True), shell=True)
    cut = advice("cycles", Run(stopped=True))  # before settling came to an end
    assert cut == "Fit again, and let it end. What settling ends with has no cycles."


def test_pairs_between_which_no_edge_was_allowed():
    pair, barred = ("X0", "X1"), Run(apart=frozenset({frozenset({"X0", "X1"})}))
    assert "forbidden=" in advice("hidden-cause", Run(), [pair]) and "--forbidden" in advice(
        "hidden-cause", Run(), [pair], shell=True
    )
    assert "forbid" not in advice("hidden-cause", barred, [pair])
    assert "An edge may be missing" in advice("unexplained-dependence", Run(), [pair])
    told = advice("unexplained-dependence", barred, [pair])
    assert "An edge may be missing" not in told and "this run was told of none" in told
    assert "An edge may be missing" in advice("unexplained-dependence", barred, [pair, ("X0", "X2")])


@pytest.mark.parametrize(
    ("kind", "mixture"),
    [
        (Continuous(0.0, 1.0), True),
        (Continuous(0.0, 1.0, components=3), False),
        (Categorical((0, 1)), False),
        (Count(None, 1.0, 1.0), False),
    ],
)
def test_a_rough_mechanism_by_kind(kind, mixture):
    told = advice("rough-mechanism", Run(kinds={"X0": kind}), [("X0",)])
    assert "Settling.final_steps" in told and ("Continuous(components=3)" in told) == mixture == ("Count" in told)
    shell = advice("rough-mechanism", Run(kinds={"X0": kind}), [("X0",)], shell=True)
    assert ("--continuous NAME --components 3" in shell) == mixture and "Continuous(" not in shell
    assert "max_steps" in advice("rough-mechanism", Run(settles=False), [("X0",)])


# ------------------------------------------------------------------ in a diagnosis
def test_a_diagnosis_speaks_either_language():
    found = Diagnosis((Finding("unclear-target", ("regime 0",), "regime 0"),), run=run(asked(rounds=None)))
    assert "TargetPrior(several=True)" in str(found) and "--several-targets" not in str(found)
    shell = found.text(shell=True)
    assert "--several-targets" in shell and "TargetPrior" not in shell
    assert found.what_to_do("hidden-cause") == ""
    with pytest.raises(ValueError, match="name must be one of"):
        found.what_to_do("hidden")


def test_diagnose_knows_the_run_and_counts_what_it_looks_at():
    found = diagnose(
        made_result(settled_chain(kinds="categorical", **SILENT), kinds="categorical", settings=asked(False))
    )
    assert found.run.several is False
    assert found.looked["changed-mechanism"] == 9 and found.looked["unexplained-dependence"] == 6
    hit = torch.tensor([[0.5, 0.4, 0, 0, 0.1], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]])  # the first is left out
    unclear = diagnose(made_result(settled_chain(kinds="categorical", targets=hit), kinds="categorical"))
    assert unclear.looked["changed-mechanism"] == 6
    assert diagnose(made_result(settled_chain(settled=False))).looked == {}


def test_of_an_unclear_target_what_is_unclear_is_named():
    hit = torch.tensor([[0.95, 0.6, 0.3, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]])
    (found,) = diagnose(made_result(settled_chain(targets=hit, several=True, settled=False))).named("unclear-target")
    assert found.message.endswith(": X1 0.60, X2 0.30; beside X0")
    assert set(found.numbers) == {"X1", "X2"}
