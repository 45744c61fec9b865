"""ChiRho's worlds and explanations of our programs, against our own."""

from __future__ import annotations

import numpy as np
import pyro
import pytest
import torch
from example_fits import posterior
from example_programs import linear, one, tables
from pyro import poutine

import pyrocausal as pc
from pyrocausal.queries.counterfactuals import counterfactual_rows
from pyrocausal.queries.even_noise import even_noise

explainable = pytest.importorskip("chirho.explainable.handlers", reason="the extra chirho is not installed")
worlds = pytest.importorskip("chirho.counterfactual.handlers")
indexed = pytest.importorskip("chirho.indexed.ops")
interventional = pytest.importorskip("chirho.interventional.handlers")

FACTOR = "__cause____consequent_"  # what ChiRho calls the site that says whether the consequent is as it should be


def test_worlds_are_the_same():
    for program, name, code in ((linear()[0], "b", 2.0), (tables(9)[0], "b", 2)):
        rows = program(50)
        noise = pc.abduct(program, rows)
        to = torch.tensor(code) if isinstance(code, int) else torch.full((), code)
        with (
            torch.no_grad(),
            worlds.MultiWorldCounterfactual(),
            interventional.do(actions={name: to}),
            pc.Exogenous(noise),
        ):
            with pyro.plate("rows", 50, dim=-1):
                values = program()
            both = [
                torch.stack(
                    [
                        indexed.gather(values[..., i], indexed.IndexSet(**{name: {k}}), event_dim=0).expand(
                            *[1] * (values.dim() - 2), 50
                        ).reshape(50)
                        for i in range(4)
                    ],
                    1,
                )
                for k in (0, 1)
            ]  # fmt: skip
        torch.testing.assert_close(both[0], rows)
        units = program.kinds[1].decode(np.array([float(code)])).iloc[0]
        mine = counterfactual_rows(one(program), rows, {name: units}, 0)[0, 0]
        if program.kinds[1].discrete:
            with torch.no_grad(), pc.intervene({name: units}), pc.Exogenous(noise):
                mine = program(50).numpy()  # the same draw of the noise
        np.testing.assert_allclose(both[1], mine, atol=1e-6)


# ---------------------------------------------------------------- explanations
def supports_of(program):
    """As ChiRho finds them, of the variables alone."""
    with pc.Exogenous(), explainable.ExtractSupports() as found:
        program(1)
    return {name: found.supports[name] for name in program.names}


def sought(program, n, noise, cause, value, other, outcome, seen):
    """ChiRho's search where the cause is always set: whether the outcome is not what was seen if the cause is `other`.

    And whether it is if the cause has the value; both [n].
    """
    search = explainable.SearchForExplanation(
        supports_of(program), {cause: value}, {outcome: seen}, {}, alternatives={cause: other}, antecedent_bias=-0.5,
        consequent_scale=1e-8,
    )  # fmt: skip
    with torch.no_grad(), poutine.trace() as trace, worlds.MultiWorldCounterfactual(-2), search, pc.Exogenous(noise):
        program(n)
    return trace.trace.nodes[FACTOR + outcome]["fn"].log_factor.exp()[1:].double()


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")  # in ChiRho
def test_necessary_and_sufficient_causes_are_the_same():
    truth = pc.networks.load("confounder3")
    data = pc.simulate.simulate(truth, intervention=pc.simulate.hard_uniform, rows=200, seed=1).data
    result = posterior(data, truth.graph, dict.fromkeys(data.regime_names, ()))
    draws, seed, drawn, rows = 3, 3, 500, data.observational[:8]
    found = result.explain(data.decode(rows), "X2", versus={"X1": 1}, draws=draws, drawn=drawn, seed=seed)
    other, codes = torch.tensor(1), rows.long()
    programs = result.programs(draws, seed=seed).programs[0]
    torch.manual_seed(seed)
    behind = [pc.abduct(program, rows) for program in programs]
    for draw, (program, noise) in enumerate(zip(programs, behind, strict=True)):
        population = even_noise(program, drawn, seed)
        necessary, _ = sought(program, len(rows), noise, "X1", codes[:, 1], other, "X2", codes[:, 2])
        for k in range(len(rows)):
            mine = found.isel(chain=0, draw=draw, row=k, cause=0)
            if codes[k, 1] == other:
                assert mine.necessary.isnull() and mine.sufficient.isnull()
                continue
            assert float(necessary[k]) == pytest.approx(float(mine.necessary), abs=1e-6)
            no, yes = sought(program, drawn, population, "X1", codes[k, 1], other, "X2", codes[k, 2])
            assert float((no * yes).sum() / no.sum()) == pytest.approx(float(mine.sufficient), abs=1e-5)
    assert 0 < float(found.necessary.mean()) < 1 and 0 < float(found.sufficient.mean()) < 1


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")
def test_necessity_is_that_of_rows_that_came_out_alike_by_chance():
    """Without noise of the row: ChiRho draws it, and rows that are as the one that was seen are kept."""
    program, _ = tables(9)
    n, rows = 40_000, program(500)
    row = rows.unique(dim=0)[rows.unique(dim=0, return_counts=True)[1].argmax()].long()
    assert row[1] != 2
    search = explainable.SearchForExplanation(
        supports_of(program), {"b": row[1]}, {"d": row[3]}, {}, alternatives={"b": torch.tensor(2)},
        antecedent_bias=-0.5, consequent_scale=1e-8,
    )  # fmt: skip
    with torch.no_grad(), poutine.trace() as trace, worlds.MultiWorldCounterfactual(-2), search, pc.Exogenous():
        values = program(n)
    alike = (values[0] == row).all(-1)
    by_chance = trace.trace.nodes[FACTOR + "d"]["fn"].log_factor[1, alike].exp()
    many = row.expand(len(by_chance), 4).to(values)
    changed = counterfactual_rows(one(program), many, {"b": 2}, 0)[0, 0, :, 3] != int(row[3])
    assert len(by_chance) > 500 and 0.05 < changed.mean() < 0.95
    assert float(by_chance.mean()) == pytest.approx(changed.mean(), abs=4 * np.sqrt(0.5 / len(by_chance)))


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")
def test_a_search_over_causes_and_witnesses_runs_with_what_chirho_proposes_itself():
    program, _ = tables(9)
    rows = program(200)
    search = explainable.SearchForExplanation(supports_of(program), {"a": None, "b": None}, {"d": None})
    noise, plate = pc.Exogenous(pc.abduct(program, rows)), pyro.plate("cells", 200)
    with torch.no_grad(), poutine.trace() as trace, worlds.MultiWorldCounterfactual(), search, noise, plate:
        values = program()
    assert values.shape[-2:] == (200, 4) and values[..., 3].unique().tolist() == [0, 1, 2]
    split = trace.trace.nodes["__cause____antecedent_b"]["value"]
    weight = trace.trace.nodes[FACTOR + "d"]["fn"].log_factor
    assert 0 < split.float().mean() < 1 and weight.isfinite().all()
