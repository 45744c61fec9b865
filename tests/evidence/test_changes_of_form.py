"""How probable a change of numbers is by chance, however strong it is."""

from __future__ import annotations

import torch
from scipy.stats import chi2

from pyrocausal.data.kinds import Continuous
from pyrocausal.data.weights import Part
from pyrocausal.evidence.changed_tables import INTERVALS, changes_of_form

KINDS = (Continuous(shift=0.0, scale=1.0),)


def against(*shifts: float, rows: int = 3000) -> torch.Tensor:
    """Of tables of one number that is shifted, which is standard normal in as many observational rows."""
    generator = torch.Generator().manual_seed(0)
    tables = [torch.randn(rows, 1, generator=generator) + shift for shift in (*shifts, 0.0)]
    return changes_of_form(KINDS, [Part(table, None) for table in tables])[:, 0]


def test_what_is_as_it_was_changes_by_chance_alone():
    assert (against(*[0.0] * 20) < 5).all()


def test_of_strong_changes_the_stronger_one_is_known():
    found = against(0.3, 0.6, 1.0, 1.5, 2.5)
    assert (found.diff() > 0).all() and found[-1] > 1500 and found.isfinite().all()


def test_the_tail_goes_on_where_the_chance_is_too_small_for_a_number():
    finite = against(0.0, 0.2, 0.4, 0.6, rows=1000)
    assert (finite < 700).all()
    longer = against(*[0.5 + 0.02 * k for k in range(40)], rows=2500)  # passes where scipy has no value any more
    assert longer.min() < 700 and longer.max() > 800
    rising = longer.sort().values.diff()
    assert rising.max() < 80  # no step there
    assert -chi2.logsf(2 * 800.0, INTERVALS - 1) == torch.inf
