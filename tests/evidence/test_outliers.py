"""Values far out are brought nearer; whole tables far out, and all usual values, stay as they are."""

from __future__ import annotations

import math

import pytest
import torch

from pyrocausal.data.kinds import Categorical, Continuous, Count, Exposure
from pyrocausal.data.weights import Part
from pyrocausal.evidence.outliers import moved_away, pulled_in

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


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_part_of_a_table_stays_on_its_side(side: float) -> None:
    given = parts(torch.randn(300), torch.randn(5_000))
    given[0].rows[:30] = side * 1e4
    moved = side * pulled_in([NUMBER], given)[0].rows[:30]
    assert 2 < float(moved.min()) == float(moved.max()) < 10


def test_of_a_long_tail_all_stay_on_their_side() -> None:
    given = parts(torch.cat([torch.randn(300), torch.tensor([7.0, 12.0, 40.0])]), torch.randn(5_000))
    moved = pulled_in([NUMBER], given)[0].rows[300:, 0]
    assert moved[:2].tolist() == [7.0, 12.0] and 2 < float(moved[2]) < 7


def test_units_that_a_far_observational_value_made_are_found_anew() -> None:
    usual = torch.randn(500)
    told = torch.cat([usual, torch.tensor([1e6])])
    units = (told.mean(), told.std())
    regime, control = pulled_in(
        [NUMBER], parts((2 + torch.randn(300) - units[0]) / units[1], (told - units[0]) / units[1])
    )
    assert float(control.rows.mean()) == pytest.approx(0, abs=1e-5)
    assert float(control.rows.std()) == pytest.approx(1, abs=0.05)
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
    assert 2 < float(made.rows[1]) < 10
    assert control.weights is None
    nothing = Part(torch.full((5, 1), math.nan))
    assert bool(pulled_in([kind], [nothing, Part(torch.randn(400, 1))])[0].rows.isnan().all())


def test_a_weight_is_as_many_rows() -> None:
    rows = torch.cat([torch.randn(200), 3 + 2 * torch.randn(100), torch.tensor([1e3])])[:, None]
    weights = torch.tensor([1.0] * 200 + [3.0] * 100 + [1.0], dtype=torch.double)
    often = weights.long()
    (weighted,) = pulled_in([NUMBER], [Part(rows, weights)])
    (repeated,) = pulled_in([NUMBER], [Part(rows.repeat_interleave(often, 0))])
    assert not torch.equal(weighted.rows, rows)
    torch.testing.assert_close(weighted.rows.repeat_interleave(often, 0), repeated.rows)


def test_tables_that_were_moved_away() -> None:
    usual = torch.randn(1000)
    given = parts(6 + torch.randn(50), 3 + torch.randn(50), torch.cat([torch.zeros(51), torch.full((49,), 9.0)]), usual)
    assert moved_away([NUMBER], given)[:, 0].tolist() == [True, False, False, False]
    given[2] = Part(given[2].rows, torch.cat([torch.ones(51), torch.full((49,), 2.0)]))  # by weight, most are away
    assert moved_away([NUMBER], given)[:, 0].tolist() == [True, False, True, False]
    states = parts(torch.full((50,), 2.0), torch.zeros(50))
    assert not moved_away([STATES], states).any()


def test_counts_are_moved_relative_to_what_they_are_counted_of() -> None:
    kinds = (Exposure(0.0), Count("X0", 1.5, 0.8, place=0))  # exposures are encoded as logarithms
    depth = torch.full((400, 1), math.log(20))
    usual = torch.cat([0 * depth, torch.poisson(torch.full((400, 1), 8.0))], 1)
    deeper = torch.cat([depth, torch.poisson(torch.full((400, 1), 160.0))], 1)
    silent = torch.cat([depth, torch.poisson(torch.full((400, 1), 8.0))], 1)
    assert moved_away(kinds, [Part(deeper), Part(silent), Part(usual)])[:, 1].tolist() == [False, True, False]


def test_nothing_is_away_where_nothing_is_seen() -> None:
    kind = Continuous(0.0, 1.0, missing=True)
    gaps, values = torch.full((30,), torch.nan), 5 + torch.randn(30)
    assert not moved_away([kind], parts(gaps, values, gaps)).any()  # of the observational table nothing is known
    assert moved_away([kind], parts(gaps, values, torch.randn(30)))[:, 0].tolist() == [False, True, False]
