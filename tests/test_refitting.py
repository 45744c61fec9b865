"""Copies of mechanisms, fitted to one parent set each, against the mechanisms they were copied from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from conftest import KINDS, LinearGaussian, make_model, make_rows

from pyrocausal.kinds import Categorical
from pyrocausal.refitting import Refitting, fit_copies, log_likelihoods
from pyrocausal.scoring import score_graphs, site_log_probs

D = 4
FAMILIES = [(1, (0, 3)), (0, ()), (3, (0, 1, 2)), (1, (2,)), (1, (0, 3)), (2, (0, 1)), (0, (3,)), (1, ())]
UNFITTED = Refitting(steps=0, continuous_steps=0)
BRIEF = Refitting(steps=60, continuous_steps=60, rows=64)


@pytest.fixture(params=KINDS)
def kinds(request):
    return KINDS[request.param]


def everywhere(rows) -> torch.Tensor:
    return torch.ones_like(rows, dtype=torch.bool)


def families_of_one_kind(kinds):
    """Families of variables of the first one's kind."""
    discrete = isinstance(kinds[0], Categorical)
    return [family for family in FAMILIES if isinstance(kinds[family[0]], Categorical) == discrete]


def graph_of(effect, parents) -> torch.Tensor:
    graph = torch.zeros(D, D)
    graph[effect, list(parents)] = 1.0
    return graph


def related(kinds, n) -> torch.Tensor:
    """Rows in which every variable follows the one before."""
    rows = make_rows(kinds, n)
    for i in range(1, D):
        if isinstance(kinds[i], Categorical):
            copied = (rows[:, i - 1].abs() * 1.5).long() % kinds[i].cardinality
            rows[:, i] = torch.where(torch.rand(n) < 0.8, copied.float(), rows[:, i])
        else:
            rows[:, i] = rows[:, i - 1] + 0.5 * rows[:, i]
    return rows


def parameters_of(copies) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in copies.parameters()])


@pytest.mark.parametrize("chunk", [1, 4, 1024])
def test_unfitted_copies_score_as_the_program_does(kinds, chunk):
    model, rows = make_model(kinds), make_rows(kinds, 11)
    copies = fit_copies(model.mechanisms, kinds, FAMILIES, rows, everywhere(rows), UNFITTED, 0.0)
    found = log_likelihoods(copies, kinds, FAMILIES, rows, chunk)
    assert found.shape == (len(FAMILIES), 11)
    assert not found.requires_grad
    graphs = torch.stack([graph_of(*family) for family in FAMILIES])
    terms = site_log_probs(model, rows, graphs)  # [d, M, n]
    means = score_graphs(model, [rows], graphs, torch.zeros(1, D, dtype=torch.bool))[:, 0]  # [M, d]
    for m, (effect, _) in enumerate(FAMILIES):
        torch.testing.assert_close(found[m], terms[effect, m].detach(), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found[m].mean(), means[m, effect], rtol=1e-5, atol=1e-5)


def test_fitting_explains_better_and_leaves_the_source_alone(kinds):
    mechanisms, rows, new = make_model(kinds).mechanisms, related(kinds, 800), related(kinds, 400)
    families = families_of_one_kind(kinds)
    before = {name: value.clone() for name, value in mechanisms.state_dict().items()}
    state = torch.get_rng_state()
    fitted = fit_copies(mechanisms, kinds, families, rows, everywhere(rows), BRIEF, 0.0)
    assert torch.equal(torch.get_rng_state(), state)
    after = mechanisms.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.grad is None for parameter in mechanisms.parameters())
    unfitted = fit_copies(mechanisms, kinds, families, rows, everywhere(rows), UNFITTED, 0.0)
    gain = log_likelihoods(fitted, kinds, families, new) - log_likelihoods(unfitted, kinds, families, new)
    assert (gain.mean(1) > 0.0).all(), gain.mean(1)
    assert gain.mean() > 0.1  # without parents there is little to learn
    again = fit_copies(mechanisms, kinds, families, rows, everywhere(rows), BRIEF, 0.0)
    assert torch.equal(parameters_of(fitted), parameters_of(again))


def test_a_fit_does_not_depend_on_what_is_fitted_beside_it(kinds):
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 300)
    families = families_of_one_kind(kinds)
    together = fit_copies(mechanisms, kinds, families, rows, everywhere(rows), BRIEF, 0.3)
    found = log_likelihoods(together, kinds, families, rows).sum(1)
    for m, family in enumerate(families):
        alone = fit_copies(mechanisms, kinds, [family], rows, everywhere(rows), BRIEF, 0.3)
        one = log_likelihoods(alone, kinds, [family], rows).sum()
        assert found[m].item() == pytest.approx(one.item(), abs=0.02)
    repeated = [m for m, family in enumerate(families) if family == (1, (0, 3))]
    if len(repeated) > 1:
        torch.testing.assert_close(found[repeated[0]], found[repeated[1]], rtol=0.0, atol=0.02)


def test_rows_that_do_not_count_have_no_influence(kinds):
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 200)
    counts = everywhere(rows)
    counts[:120, 0] = False
    families = [(0, (2,)), (0, ())]
    changed = rows.clone()
    changed[:120] = make_rows(kinds, 120)
    one, other = (fit_copies(mechanisms, kinds, families, r, counts, BRIEF, 0.0) for r in (rows, changed))
    assert torch.equal(parameters_of(one), parameters_of(other))
    # The same rows tell of another variable, where they count.
    kind = next(i for i in (1, 2, 3) if type(kinds[i]) is type(kinds[0]))
    one, other = (fit_copies(mechanisms, kinds, [(kind, (0,))], r, counts, BRIEF, 0.0) for r in (rows, changed))
    assert not torch.equal(parameters_of(one), parameters_of(other))


def test_decay_shrinks_weights():
    kinds = KINDS["categorical"]
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 200)
    sizes = [
        float(parameters_of(fit_copies(mechanisms, kinds, FAMILIES, rows, everywhere(rows), BRIEF, decay)).norm())
        for decay in (0.0, 1.0, 3.0)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_steps_are_those_of_the_kind():
    kinds = KINDS["mixed"]
    mechanisms, rows = make_model(kinds).mechanisms, related(kinds, 50)
    start = {i: parameters_of(mechanisms.copies([(i, (2,))])) for i in (0, 1)}
    for refitting, moved in ((replace(BRIEF, continuous_steps=0), 0), (replace(BRIEF, steps=0), 1)):
        for i in (0, 1):
            fitted = fit_copies(mechanisms, kinds, [(i, (2,))], rows, everywhere(rows), refitting, 0.0)
            assert torch.equal(parameters_of(fitted), start[i]) == (i != moved)


def test_mechanisms_that_cannot_be_copied():
    kinds = KINDS["continuous"]
    rows = make_rows(kinds, 20)
    assert fit_copies(LinearGaussian(kinds), kinds, FAMILIES, rows, everywhere(rows), BRIEF, 0.0) is None
