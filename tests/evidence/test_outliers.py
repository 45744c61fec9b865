"""Values far out are pulled in; whole tables far out, and all usual values, stay as they are."""

from __future__ import annotations

import math

import pytest
import torch

from pyrocausal.data.kinds import Categorical, Continuous, Count
from pyrocausal.data.weights import Part
from pyrocausal.evidence.outliers import pulled_in

NUMBER, COUNT, STATES = Continuous(0.0, 1.0), Count(None, 1.5, 0.8), Categorical((0, 1, 2))


def parts(*columns: torch.Tensor) -> list[Part]:
    return [Part(column[:, None].clone()) for column in columns]


def test_usual_values_stay_as_they_are() -> None:
    for kind, tables in (
        (NUMBER, (torch.randn(500), 50 + torch.randn(20), 30 * torch.randn(200))),
        (COUNT, (torch.poisson(torch.full((500,), 4.0)), torch.poisson(torch.full((200,), 300.0)))),
        (NUMBER, (torch.cat([torch.zeros(997), torch.full((3,), 1e6)]), torch.zeros(50))),  # nothing is usual
        (STATES, (torch.randint(3, (500,)).float(), torch.full((20,), 2.0))),
    ):
        given = parts(*tables)
        for made, was in zip(pulled_in([kind], given), given, strict=True):
            assert torch.equal(made.rows, was.rows)


def test_a_far_value_of_a_regime_is_put_on_its_side_and_no_other() -> None:
    for kind, tables in (
        (NUMBER, (torch.randn(300), torch.randn(500))),
        (COUNT, tuple(torch.poisson(torch.full((n,), 6.0)) for n in (300, 500))),
    ):
        given = parts(*tables)
        given[0].rows[7] = 1e6
        regime, control = pulled_in([kind], given)
        others = torch.arange(300) != 7
        assert torch.equal(regime.rows[others], given[0].rows[others]) and torch.equal(control.rows, given[1].rows)
        assert given[0].rows[others].max() <= regime.rows[7] < 25
        assert float(given[0].rows[7]) == 1e6  # what was given is not changed
    assert float(regime.rows[7]) == round(float(regime.rows[7]))


def test_a_low_value_goes_to_the_other_side() -> None:
    given = parts(torch.randn(300), torch.randn(500))
    given[0].rows[7] = -1e6
    assert -10 < float(pulled_in([NUMBER], given)[0].rows[7]) < -2


def test_units_that_a_far_observational_value_made_are_found_anew() -> None:
    usual = torch.randn(500)
    told = torch.cat([usual, torch.tensor([1e6])])
    units = (told.mean(), told.std())
    regime, control = pulled_in(
        [NUMBER], parts((2 + torch.randn(300) - units[0]) / units[1], (told - units[0]) / units[1])
    )
    assert float(control.rows.mean()) == pytest.approx(0, abs=1e-5)
    assert float(control.rows.std()) == pytest.approx(1, abs=0.01)
    assert float(regime.rows.mean()) == pytest.approx(2, abs=0.2)


def test_gaps_and_weights() -> None:
    rows = torch.randn(400)
    rows[::5] = math.nan
    rows[1] = 1e6
    weights = torch.ones(400, dtype=torch.double)
    weights[1] = 0.5
    kind = Continuous(0.0, 1.0, missing=True)
    (made, control) = pulled_in([kind], [Part(rows[:, None], weights), Part(torch.randn(400, 1))])
    assert torch.equal(made.rows.isnan(), rows[:, None].isnan()) and made.weights is weights
    assert 1 < float(made.rows[1]) < 10
    assert control.weights is None
    nothing = Part(torch.full((5, 1), math.nan))
    assert bool(pulled_in([kind], [nothing, Part(torch.randn(400, 1))])[0].rows.isnan().all())
