"""Every sentence of a verdict: where it is said, and where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from example_verdicts import EDGES, STRENGTHS, asked, made_result, settled_chain

import pyrocausal as pc
from pyrocausal.checks.findings import Diagnosis, Finding
from pyrocausal.checks.undecided import Sight
from pyrocausal.checks.verdict import verdict
from pyrocausal.data.at_least import AtLeast
from pyrocausal.posterior.causal_posterior import CausalPosterior

CLEAN = "Nothing that was checked speaks against it, which does not show that its graph is right."
NO_ARROWS = "do not read arrows as effects"


def found(*chains, **options) -> str:
    return verdict(made_result(*chains, **options)).found


NO_FINDINGS = Diagnosis()


def trust(*chains, diagnosis=NO_FINDINGS, shell=False, **options) -> str:
    return verdict(made_result(*chains, **options), diagnosis, shell=shell).trust


def contradictions(number, of=30) -> Diagnosis:
    places = [(f"regime {k % 3}", f"X{k % 4}") for k in range(number)]
    return Diagnosis(tuple(Finding("changed-mechanism", each, "") for each in places), looked={"changed-mechanism": of})


def finding(name, *subjects) -> Diagnosis:
    return Diagnosis(tuple(Finding(name, each, "") for each in subjects))


# ------------------------------------------------------------------ what was found
def test_a_good_fit_in_two_sentences():
    told = verdict(made_result(), Diagnosis())
    assert told.found == "2 edges, all strong; targets named in 3 of 3 regimes (evidence is for one each at the most)."
    assert told.trust == CLEAN and str(told) == f"{told.found} {told.trust}"


@pytest.mark.parametrize(
    ("strengths", "said"),
    [
        (STRENGTHS, "2 edges, all strong;"),
        (STRENGTHS | {("X1", "X2"): 0.05}, "2 edges, all strong;"),
        (STRENGTHS | {("X1", "X2"): 0.049}, "2 edges, 1 of them strong;"),
        (dict.fromkeys(EDGES, 0.01), "2 edges, none of them strong;"),
        (None, "2 edges;"),
    ],
)
def test_strong_edges_are_counted(strengths, said):
    assert found(settled_chain(strengths=strengths)).startswith(said)


def test_one_edge_and_none():
    assert found(settled_chain({("X0", "X1"): 1.0})).startswith("1 edge, a strong one;")
    assert found(settled_chain({("X0", "X1"): 1.0}, {})).startswith("1 edge, not a strong one;")
    assert found(settled_chain({}, {})).startswith("No edge;")


def test_targets_are_counted_and_whether_there_may_be_several():
    several = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1]])
    told = found(settled_chain(targets=several, several=True, several_gain=12.0))
    assert "targets named in 2 of 3 regimes, 3 in all (evidence is for several a regime)" in told
    silent = {"several_gain": torch.nan}
    assert "regimes (one at the most allowed)" in found(settled_chain(**silent), settings=asked(False))
    assert "(several allowed)" in found(settled_chain(several=True, **silent), settings=asked(True))
    assert "in all" not in found()
    assert "targets as they were told" in found(told=[("X0",), (), ("X2",)])
    assert "targets named in 1 of 1 regime" in found(told=[("X0",), (), AtLeast("X2")])


def test_what_is_undecided_is_named_and_what_is_sure_is_not():
    open_ = {("X0", "X1"): 0.5, ("X1", "X0"): 0.45, ("X2", "X3"): 0.3, ("X1", "X2"): 0.95}
    hit = torch.tensor([[0.6, 0.4, 0, 0, 0], [0, 0.9, 0, 0, 0.1], [0, 0, 0, 0, 1]])
    told = found(settled_chain(open_, targets=hit))
    assert told.endswith("; undecided: X0 - X1, X2 - X3; and what 'regime 0' acted on.")
    many = {(f"X{i}", f"X{j}"): 0.5 for i in range(4) for j in range(i)}
    assert "undecided: X0 - X1, X0 - X2, X0 - X3 and 3 more." in found(settled_chain(many))
    assert "undecided" not in found()
    assert "undecided" not in found(settled_chain(targets=hit), told=[("X0",), ("X1",), ()])


# ------------------------------------------------------------------ how far to trust it
def test_a_fit_that_was_not_finished():
    unfinished = settled_chain(settled=False)
    told = trust(unfinished)
    assert told.startswith(
        "Nothing here should be believed yet, for the fit was not finished: raise Settling.rounds above 6"
    )
    assert "--seed" in trust(unfinished, shell=True) and "raise Settling" not in trust(unfinished, shell=True)
    steps = trust(unfinished, settings=asked(rounds=None))
    assert "raise max_steps above 60" in steps and "Settling" not in steps
    assert "raise --max-steps above 60" in trust(unfinished, settings=asked(rounds=None), shell=True)
    assert "fit again, and let it end" in trust(unfinished, stopped="Ctrl-C: chain 0 was cut short")
    best = replace(settled_chain(), evidence=1.0)
    some = trust(best, replace(unfinished, evidence=0.0))
    assert some.startswith("1 of 2 chains was not finished") and "believed" not in some
    assert "finished" not in trust()


def test_too_few_rows_for_anything_and_few():
    faint = settled_chain(strengths=dict.fromkeys(EDGES, 0.02))
    told = trust(faint, rows=40)
    assert told.startswith(
        "Nothing here should be believed: of 40 rows without intervention and 123 in regimes an edge"
    )
    assert told.endswith("; record more rows.")
    for rows, nats in ((40, 0.028), (100, 0.013)):  # of edges that carry more
        assert trust(rows=rows).startswith(f"Rows are few: an edge that carries less than {nats} nats a row, as a corr")
    assert "rows" not in trust(rows=2_000)


def test_few_rows_hide_no_edge_where_the_whole_graph_was_told():
    names = [f"X{i}" for i in range(4)]
    others = [(one, other) for one in names for other in names if one != other and (one, other) not in EDGES]
    known = {"required": list(EDGES), "forbidden": others}
    for rows in (40, 100):
        told = made_result(settled_chain(known=known), rows=rows)
        assert verdict(told, NO_FINDINGS).trust == CLEAN and not pc.diagnose(told).named("few-rows")
    nearly = known | {"forbidden": others[1:]}
    assert "rows" in trust(settled_chain(known=nearly), rows=40)


def test_nothing_that_is_strong():
    weak = dict.fromkeys(EDGES, 0.02)
    told = trust(settled_chain(strengths=weak, target_strength=torch.full((3, 4), 0.01).double()))
    assert told.startswith("Nothing here should be believed: no edge and no target is strong (0.05 nats a row")
    only_edges = trust(settled_chain(strengths=weak))
    assert only_edges.startswith("No edge here should be believed: no edge is strong")
    for fine in (settled_chain(), settled_chain(strengths=None), settled_chain({}, {})):
        assert "believed" not in trust(fine)
    required = settled_chain(strengths=weak, known={"required": list(EDGES)})
    assert "believed" not in trust(required)  # for it was told


def test_many_weak_edges():
    edges = {("X0", "X1"): 1.0, ("X1", "X2"): 1.0, ("X2", "X3"): 1.0}
    strengths = dict(zip(edges, (0.2, 0.01, 0.01), strict=True))
    assert trust(settled_chain(edges, strengths)) == (
        "2 edges are weak, and may come of causes that nobody measured: read them as hints."
    )
    assert trust(settled_chain(edges, strengths | {("X1", "X2"): 0.2})) == CLEAN


@pytest.mark.parametrize(
    ("settings", "changes", "why"),
    [
        (asked(), {}, "evidence is against several by 5.0 nats; do not"),
        (asked(), {"several": True, "several_gain": 9.0}, "though there may be several; do not"),
        (asked(True), {"several": True, "several_gain": torch.nan}, "though there may be several; do not"),
        (
            asked(False),
            {"several_gain": torch.nan},
            "seem to act on several variables; allow several targets (leave TargetPrior(several=False) out), or do not",
        ),
        (
            asked(rounds=None),
            {"several_gain": torch.nan},
            "seem to act on several variables; allow several targets (TargetPrior(several=True)), or do not",
        ),
        (
            asked(rounds=None, rule="greatest_drop"),
            {"several_gain": torch.nan},
            "seem to act on several variables; leave algorithm=SDI.paper() out, after which evidence is asked",
        ),
    ],
)
def test_checks_that_contradict_a_fit(settings, changes, why):
    told = trust(settled_chain(**changes), settings=settings, diagnosis=contradictions(12))
    assert told.startswith("12 of 30 checks of single variables contradict this fit: conditions ")
    assert why in told and NO_ARROWS in told
    assert ("allow several" in told) == ("allow several" in why)


def test_advice_on_contradictions_in_the_shell_and_where_targets_were_told():
    silent = settled_chain(several_gain=torch.nan)
    shell = {"diagnosis": contradictions(12), "shell": True}
    assert "allow several targets (--several-targets), or" in trust(silent, settings=asked(rounds=None), **shell)
    assert "allow several targets (leave --one-target out)" in trust(silent, settings=asked(False), **shell)
    stated = {"told": [("X0",), ("X1",), ("X2",)], "settings": asked(False)}
    told = trust(silent, diagnosis=contradictions(12), **stated)
    assert "in more than the targets that were told; leave room for others (AtLeast in targets=), or do not" in told
    assert "(--at-least in place of --target)" in trust(silent, **stated, **shell)


def test_a_few_checks_that_contradict_a_fit_are_named():
    told = "1 of 30 checks of single variables contradicts this fit (X0 in 'regime 0'): do not read arrows there"
    assert trust(diagnosis=contradictions(1)) == f"{told} as effects."
    assert "(X0 in 'regime 0', X1 in 'regime 1')" in trust(diagnosis=contradictions(2, of=8))
    assert NO_ARROWS not in trust(diagnosis=contradictions(9, of=100))
    assert NO_ARROWS in trust(diagnosis=contradictions(10, of=100))


def test_drift():
    far = torch.tensor([[0.5, 0.5, 0.5, 0.2], [0.5, 0, 0, 0], [0, 0, 0, 0]])
    told = trust(settled_chain(drift=far))
    assert (
        told.startswith("3 of 9 mechanisms drift far in regimes that are not said to act on them") and NO_ARROWS in told
    )
    assert trust(settled_chain(drift=0.59 * far)) == CLEAN  # 0.3 standard deviations are expected
    assert (
        trust(settled_chain(drift=far * (far[0] > 0.4) * torch.tensor([[1.0], [0.0], [0.0]]), targets=(0, 0, 0)))
        == CLEAN
    )
    states = settled_chain(drift=0.26 * far, kinds="categorical")
    assert "3 of 9 mechanisms drift far" in trust(states, kinds="categorical")  # 0.13 in total variation
    assert "drift" not in trust(settled_chain(drift=None))
    assert trust(settled_chain(drift=far, predictive=True)) == CLEAN  # closed forms misfit what networks have decided
    assert "drift" not in trust(settled_chain(drift=far), diagnosis=contradictions(12))  # which says as much
    assert "drift" in trust(settled_chain(drift=far), diagnosis=contradictions(1))


def test_hidden_causes_and_other_findings():
    hidden = finding("hidden-cause", ("X0", "X1"), ("X1", "X2"))
    assert trust(diagnosis=hidden).startswith("X0 and X1, X1 and X2 seem to have a common cause that was not measured")
    rough = finding("rough-mechanism", ("X0",), ("X2",))
    assert trust(diagnosis=rough) == "There are mechanisms that do not fit their own rows (2)."
    both = replace(hidden, findings=(*hidden.findings, *rough.findings))
    assert trust(diagnosis=both).endswith("; besides, there are mechanisms that do not fit their own rows (2).")
    undecided = finding("undecided-edge", ("X0", "X1"))  # is told with what was found
    assert trust(diagnosis=undecided) == CLEAN


def test_two_sorts_of_tests_that_speak_against_a_fit():
    pairs = [Finding("hidden-cause", pair, "") for pair in (("X0", "X1"), ("X1", "X2"))]
    for number, hidden, nothing in ((12, 2, True), (12, 1, False), (2, 2, False)):
        one = contradictions(number)
        told = trust(diagnosis=replace(one, findings=(*one.findings, *pairs[:hidden])))
        assert told.startswith(f"Nothing here should be believed: {number} of 30 checks") == nothing
        assert "X0 and X1" in told and f"{number} of 30 checks of single variables contradict" in told


def test_targets_everywhere():
    most = torch.tensor([[1.0, 1, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]])
    several = {"several": True, "several_gain": 9.0}
    told = trust(settled_chain(targets=most, **several))
    assert (
        told
        == "6 of 12 variables of regimes count as targets, which leaves little to tell the direction of an arrow by."
    )
    assert "5 of 8 variables" in trust(settled_chain(targets=most, **several), told=[None, None, ("X2",)])
    fewer = most.clone()
    fewer[0, 0] = 0
    assert trust(settled_chain(targets=fewer, **several)) == CLEAN


def test_chains_that_disagree():
    one, other = settled_chain(evidence=1.0), settled_chain({("X0", "X1"): 1.0}, evidence=0.0, targets=(0, 1, 3))
    told = trust(one, other)
    assert told == "Chains disagree on X1 -> X2 and on the targets of 'regime 2': trust what they share."
    assert trust(one, one) == CLEAN and trust(one) == CLEAN


def test_what_was_not_checked_is_said():
    result = made_result()
    assert verdict(result).trust == (
        "So far nothing speaks against it. print(pc.diagnose(result)) checks it against the rows."
    )
    assert verdict(result, shell=True).trust.endswith("--out DIR writes a report that checks it against the rows.")
    few = verdict(made_result(settled_chain(strengths=dict.fromkeys(EDGES, 0.02)), rows=40)).trust
    assert few.startswith("Nothing here should be believed") and "print(pc.diagnose(result))" in few
    assert "pc.diagnose" not in verdict(result, Diagnosis()).trust


def test_no_more_than_two_doubts_and_the_gravest_first():
    bad = settled_chain(strengths=dict.fromkeys(EDGES, 0.01), drift=torch.ones(3, 4))
    told = trust(bad, rows=100, diagnosis=finding("hidden-cause", ("X0", "X1")))
    assert told.startswith("No edge here should be believed") and "; besides, X0 and X1 seem to have a common" in told
    assert told.count("; besides, ") == 1 and "drift" not in told and "rows are few" not in told.lower()


# ------------------------------------------------------------------ where it is printed, and a fit
def test_print_says_it_and_does_not_diagnose(monkeypatch):
    monkeypatch.setattr("pyrocausal.checks.diagnose.diagnose", None)
    monkeypatch.setattr("pyrocausal.checks.residuals.ProgramResiduals.__init__", None)
    result = made_result()
    first, *rest = str(result).splitlines()
    assert first == "CausalPosterior(1 chain, settled; 4 variables, 2 edges, 3 regimes)"
    assert rest == list(verdict(result)) and repr(result) == str(result)


def test_errors():
    with pytest.raises(TypeError, match="result must be a CausalPosterior, got int; fit one with discover"):
        verdict(3)
    with pytest.raises(TypeError, match="diagnosis must be a Diagnosis, got str; make one with diagnose"):
        verdict(made_result(), "fine")


def fit(effect: float, noise: float, rows: int, loud: bool = False) -> CausalPosterior:
    """Of x -> y -> z, x and z set in a regime each; all of them, in either regime, are moved if it is loud."""
    rng = np.random.default_rng(0)

    def draw(hit: str | None, n: int) -> pd.DataFrame:
        values: dict[str, np.ndarray] = {}
        for name, cause in (("x", None), ("y", "x"), ("z", "y")):
            values[name] = noise * rng.normal(size=n) + (effect * values[cause] if cause else 0.0)
            if name == hit:
                values[name] = rng.normal(2, 1, n)
        return pd.DataFrame(values) + (rng.normal(0, 0.8, 3) if loud and hit else 0.0)

    data = pc.InterventionalData.from_frames(draw(None, rows), {f"on {name}": draw(name, rows // 4) for name in "xz"})
    return pc.discover(
        data, chains=1, cores=1, seed=0, progress=False, settling=pc.Settling(refitting=None, final_steps=50)
    )


def test_fits_that_are_good_too_small_and_of_conditions_that_differ_in_everything():
    good = fit(0.8, 1.0, 1_000)
    assert verdict(good, pc.diagnose(good)) == (
        "2 edges, all strong; targets named in 2 of 2 regimes (evidence is for one each at the most).",
        CLEAN,
    )
    assert verdict(fit(0.8, 1.0, 60)).trust.startswith("Rows are few: an edge that carries less than 0.067 nats a row")
    assert verdict(fit(0.1, 1.0, 60)).trust.startswith(
        "Nothing here should be believed: of 60 rows without intervention"
    )
    loud = verdict(fit(0.8, 1.0, 1_000, loud=True))
    assert loud.found.endswith("; undecided: x - y.") and "count as targets, which leaves little" in loud.trust


def test_rows_of_groups_count_by_their_weight():
    assert Sight(1200.0, 230.0, 250.0, 0.01, weighted=False).said == "1,200 rows"
    assert Sight(40.0, 230.0, 250.0, 0.01, weighted=True).said == "rows of total weight 40"
