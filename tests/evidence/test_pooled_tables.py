"""Tables over all regimes against the density of all counts at once, and drift that is there or not."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.data.weights import Part
from pyrocausal.evidence import pooled_tables
from pyrocausal.evidence.pooled_tables import PooledTables
from pyrocausal.evidence.table_prior import STRENGTHS, best_prior
from pyrocausal.model.new_mechanisms import NewMechanisms

KINDS = (Categorical((0, 1)), Categorical((0, 1, 2)), Categorical((0, 1, 2)))


def drawn(rng, n, table) -> torch.Tensor:
    """Rows of three variables: X0 and X1 at random, X2 from a table [2, 3, 3] of its probabilities given these."""
    causes = rng.integers([2, 3], size=(n, 2))
    above = table[causes[:, 0], causes[:, 1]].cumsum(-1)[:, :2] < rng.random((n, 1))
    return torch.as_tensor(np.column_stack([causes, above.sum(1)])).float()


def several_tables(concentration=math.inf, rows=400, tables=5, seed=0) -> list[Part]:
    """Tables whose X2 follows a common table, or one drawn around it from Dirichlet(concentration p)."""
    rng = np.random.default_rng(seed)
    common = rng.dirichlet([2.0] * 3, size=(2, 3))
    made = []
    for _ in range(tables):
        own = common
        if math.isfinite(concentration):
            own = np.array([[rng.dirichlet(concentration * p + 1e-6) for p in row] for row in common])
        made.append(Part(drawn(rng, rows, own)))
    return made


def urn(codes, cells, around, strength) -> float:
    """Log probability of codes as they come, by the urn of Dirichlet-multinomial cells."""
    total, seen = 0.0, {}
    for code, cell in zip(codes, cells, strict=True):
        ours = seen.setdefault(cell, [0] * len(around))
        total += math.log((ours[code] + strength * around[code]) / (sum(ours) + strength))
        ours[code] += 1
    return total


def evidence_of_counts(codes, cells, states) -> float:
    """Of codes under the best prior, where reading the marginal distribution costs what it costs without parents."""
    even = [1 / states] * states
    alone, strength = max((urn(codes, [()] * len(codes), even, each), each) for each in STRENGTHS)
    marginal = [(codes.count(s) + strength / states) / (len(codes) + strength) for s in range(states)]
    cost = sum(math.log(marginal[code]) for code in codes) - alone
    around_it = max(urn(codes, cells, marginal, each) for each in STRENGTHS) - cost
    return max(around_it, *(urn(codes, cells, even, each) for each in STRENGTHS)) if any(cells) else alone


ALL_SPARED = torch.full((5,), -math.inf, dtype=torch.double)


@pytest.mark.parametrize("parents", [(), (0,), (1,), (0, 1)])
def test_without_drift_the_evidence_is_that_of_all_counts(monkeypatch, parents):
    monkeypatch.setattr(pooled_tables, "KAPPAS", (math.inf,))
    parts = several_tables(rows=60)
    drifting, found = PooledTables(KINDS, parts).spared(2, parents, ALL_SPARED)
    assert drifting.common == found.common
    rows = torch.cat([part.rows for part in parts]).long().tolist()
    cells = [tuple(row[j] for j in parents) for row in rows]
    expected = evidence_of_counts([row[2] for row in rows], cells, 3)
    assert float(found.log_prob.sum() + found.common) == pytest.approx(expected, rel=1e-10)
    assert found.log_prob.shape == found.drift.shape == (5,) and found.common.shape == ()


@pytest.mark.parametrize("parents", [(), (0, 1)])
def test_a_table_that_is_known_to_be_hit_tells_nothing_of_what_is_common(monkeypatch, parents):
    monkeypatch.setattr(pooled_tables, "KAPPAS", (math.inf,))
    parts = several_tables(rows=60)
    hit = ALL_SPARED.clone()
    hit[1] = math.inf
    _, found = PooledTables(KINDS, parts).spared(2, parents, hit)
    others = [part for r, part in enumerate(parts) if r != 1]
    _, alone = PooledTables(KINDS, others).spared(2, parents, ALL_SPARED[:4])
    torch.testing.assert_close(found.log_prob[[0, 2, 3, 4]], alone.log_prob)
    torch.testing.assert_close(found.common, alone.common)
    assert found.log_prob[1] < 0  # though what is common says something of it


def test_drift_is_found_where_tables_are_drawn_around_a_common_one():
    drifting, steady = several_tables(30.0), several_tables()
    made = {}
    for name, parts in (("drifting", drifting), ("steady", steady)):
        found, without = PooledTables(KINDS, parts).spared(2, (0, 1), ALL_SPARED)
        made[name] = found
        value, certain = (float(each.log_prob.sum() + each.common) for each in (found, without))
        assert not without.drift.any()
        assert value > certain + 20 if name == "drifting" else certain - 1e-9 < value < certain + 2
    assert made["drifting"].drift.min() > 2 * made["steady"].drift.max()
    assert float(made["steady"].drift.max()) < 0.02 and float(made["drifting"].drift.mean()) > 0.04


def test_where_every_table_is_far_from_every_other_that_is_drift_and_no_target():
    parts = several_tables(10.0, rows=800, tables=12)
    hit = NewMechanisms(KINDS, [part.rows for part in parts]).of(2, (0, 1)) - math.log(len(KINDS))
    hit[-1] = -math.inf
    drifting, steady = PooledTables(KINDS, parts).spared(2, (0, 1), hit)
    assert ((drifting.log_prob - hit)[:-1] > 3.0).all()
    assert ((steady.log_prob - hit)[:-1] < -20.0).double().mean() > 0.5


def test_drift_leaves_a_table_its_density_under_a_known_common_one():
    # Where others tell what is common, a table is a Dirichlet-multinomial around it.
    kappa = 100.0
    generator = torch.Generator().manual_seed(1)
    common = torch.tensor([0.5, 0.3, 0.2])
    big = torch.multinomial(common, 20_000, True, generator=generator)
    small = torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 80, True, generator=generator)
    parts = [Part(small[:, None].float()), *[Part(big[:, None].float())] * 119]
    hit = ALL_SPARED[:1].repeat(120)
    hit[0] = math.inf
    counts, share = PooledTables(KINDS[2:], parts)._counted(0, ()), (hit < math.inf).double()
    prior = best_prior(counts.common(counts.counted(share)), ())
    found = pooled_tables._pool(counts, hit, kappa, share, prior)
    theta = torch.bincount(big).double() / len(big)
    counts = torch.bincount(small, minlength=3).double()
    expected = math.lgamma(kappa) - math.lgamma(kappa + 80)
    expected += float((torch.lgamma(kappa * theta + counts) - torch.lgamma(kappa * theta)).sum())
    assert float(found.spared[0]) == pytest.approx(expected, abs=0.05)


def test_order_and_weights_of_rows_mean_nothing_else():
    parts = several_tables(30.0, rows=90)
    weights = torch.randint(1, 4, (90,)).double()
    hit = torch.tensor([-200.0, -math.inf, -90.0, math.inf, -math.inf]).double()
    weighted = [Part(part.rows, weights) for part in parts]
    repeated = [Part(part.rows.repeat_interleave(weights.long(), 0)) for part in parts]
    shuffled = [Part(part.rows[torch.randperm(len(part.rows))]) for part in repeated]
    for parents in ((), (0,), (0, 1)):
        one, *others = (PooledTables(KINDS, each).spared(2, parents, hit) for each in (weighted, repeated, shuffled))
        for other in others:
            for part, same in zip((*one[0], *one[1]), (*other[0], *other[1]), strict=True):
                torch.testing.assert_close(part, same, rtol=1e-9, atol=1e-9)


def test_gaps_of_the_effect_are_left_out_and_those_of_a_cause_are_a_state():
    kinds = (Categorical((0, 1), missing=True), KINDS[1], Categorical((0, 1, 2), missing=True))
    parts = several_tables(rows=80)
    for part in parts:
        part.rows[::5, 0] = math.nan
        part.rows[::7, 2] = math.nan
    found = PooledTables(kinds, parts).spared(2, (0, 1), ALL_SPARED)
    kept = [part.rows[~part.rows[:, 2].isnan()] for part in parts]
    plain = (Categorical((0, 1, 2)), KINDS[1], KINDS[2])
    expected = PooledTables(plain, [Part(rows.nan_to_num(2.0)) for rows in kept]).spared(2, (0, 1), ALL_SPARED)
    for part, same in zip((*found[0], *found[1]), (*expected[0], *expected[1]), strict=True):
        torch.testing.assert_close(part, same)


def test_a_sparse_table_is_counted_as_a_full_one():
    # Twenty states of each cause: most cells are empty, and counting goes another way.
    kinds = (Categorical(tuple(range(20))), Categorical(tuple(range(20))), KINDS[2])
    generator = torch.Generator().manual_seed(3)
    parts = [
        Part(torch.stack([torch.randint(s, (40,), generator=generator) for s in (20, 20, 3)], 1).float())
        for _ in range(2)
    ]
    tables = PooledTables(kinds, parts)
    found = tables._counted(2, (0, 1))
    expected = {}
    for r, (a, b, effect) in ((r, row) for r, part in enumerate(parts) for row in part.rows.long().tolist()):
        key = (r, a * 20 + b, effect)
        expected[key] = expected.get(key, 0) + 1
    seen = zip(
        found.table[found.place].tolist(),
        found.cells[found.entry // 3].tolist(),
        (found.entry % 3).tolist(),
        strict=True,
    )
    assert dict(zip(seen, found.size.tolist(), strict=True)) == expected
    assert found.total.sum() == 80 and found.states == 3
    assert found.cells.tolist() == sorted({a for _, a, _ in expected})


def test_entries_of_more_tables_than_32_bits_can_count_are_told_apart(monkeypatch):
    monkeypatch.setattr(PooledTables, "max_cells", 10**10)
    kinds = tuple(Categorical(tuple(range(states))) for states in (1200, 1200, 1000))
    rows = torch.tensor([[0, 0, 0], [1199, 1199, 999], [1199, 1199, 999], [7, 1199, 3]]).float()
    found = PooledTables(kinds, [Part(rows), Part(rows)])._counted(2, (0, 1))
    assert found.cells.tolist() == [0, 7 * 1200 + 1199, 1200 * 1200 - 1]
    assert found.entry.tolist() == [0, 1000 + 3, 2000 + 999] * 2 and found.size.tolist() == [1.0, 1.0, 2.0] * 2
    assert found.table.tolist() == [0] * 3 + [1] * 3


def test_many_parents_of_which_few_cells_occur_are_weighed_in_a_table_of_these():
    # 9 causes of four states are 262,144 cells, of which 600 rows show 600 at the most; effects of two of them add up
    kinds = (*(Categorical(tuple(range(4))),) * 9, Categorical((0, 1)))
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(4, (600, 10), generator=generator).float()
    rows[:, 9] = (torch.rand(600, generator=generator) < (1.5 * (rows[:, 0] + rows[:, 1] - 3)).sigmoid()).float()
    tables = PooledTables(kinds, [Part(rows)])
    spared = torch.tensor([-torch.inf]).double()
    two, nine, others = (
        tables.spared(9, parents, spared)[0] for parents in ((0, 1), tuple(range(9)), tuple(range(2, 9)))
    )
    whole = [float(each.common + each.log_prob.sum()) for each in (two, nine, others)]
    assert whole[0] > whole[1] > whole[2] + 50


def test_a_table_too_large_says_nothing():
    class Small(PooledTables):
        max_cells = 17  # X2 given X0 and X1 needs 2 x 3 x 3 = 18 entries

    class Enough(PooledTables):
        max_cells = 18

    parts = several_tables(rows=30)
    assert Small(KINDS, parts).spared(2, (0, 1), ALL_SPARED) is None
    assert Small(KINDS, parts).spared(2, (0,), ALL_SPARED) is not None
    enough, usual = (kind(KINDS, parts).spared(2, (0, 1), ALL_SPARED) for kind in (Enough, PooledTables))
    assert torch.equal(enough[0].log_prob, usual[0].log_prob)


def test_a_continuous_cause_is_cut_at_quantiles_of_all_tables():
    kinds = (Continuous(0.0, 1.0), Categorical((0, 1)))
    parts = [Part(torch.stack([torch.randn(60) + r, torch.randint(2, (60,)).float()], 1)) for r in range(2)]
    found = PooledTables(kinds, parts).spared(1, (0,), ALL_SPARED[:2])
    values = torch.cat([part.rows[:, 0] for part in parts])
    bins = torch.bucketize(values, values.quantile(torch.tensor([0.25, 0.5, 0.75])))
    coded = [
        Part(torch.stack([code.float(), part.rows[:, 1]], 1)) for code, part in zip(bins.split(60), parts, strict=True)
    ]
    kinds = (Categorical((0, 1, 2, 3)), kinds[1])
    expected = PooledTables(kinds, coded).spared(1, (0,), ALL_SPARED[:2])
    torch.testing.assert_close(found[0].log_prob, expected[0].log_prob)


@pytest.mark.parametrize(("states", "rows"), [(40, 60), (20, 80), (12, 60), (3, 200), (60, 1_000)])
@pytest.mark.parametrize("shape", ["even", "skewed"])
def test_many_states_and_few_rows_do_not_take_a_cause_for_the_sake_of_a_better_prior(states, rows, shape):
    kinds = (Categorical((0, 1)), Categorical(tuple(range(states))))
    gains = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        weights = np.ones(states) if shape == "even" else 1.0 / np.arange(1, states + 1)
        columns = [rng.integers(2, size=rows), rng.choice(states, rows, p=weights / weights.sum())]
        part = Part(torch.tensor(np.stack(columns, 1)).float())
        with_it, alone = (PooledTables(kinds, [part]).spared(1, parents, ALL_SPARED[:1])[1] for parents in ((0,), ()))
        gains.append(float(with_it.log_prob.sum() + with_it.common - alone.log_prob.sum() - alone.common))
    assert max(gains) < 0.75 * math.log(rows), gains  # the price of an edge
    assert np.mean(gains) < 1.0, gains


def test_five_causes_cost_no_more_than_they_say():
    # 1,024 cells with four rows each: a table of its own for every cell would hold three causes at the most.
    rng = np.random.default_rng(3)
    causes, effects = rng.integers(4, size=(4_000, 5)), rng.normal(0, 0.7, (5, 4, 3))
    logits = sum(effects[j][causes[:, j]] for j in range(5))
    child = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    kinds = (*[Categorical((0, 1, 2, 3))] * 5, Categorical((0, 1, 2)))
    tables = PooledTables(kinds, [Part(torch.from_numpy(np.column_stack([causes, child])).float())])

    def value(parents: tuple[int, ...]) -> float:
        found, _ = tables.spared(5, parents, ALL_SPARED[:1])
        return float(found.log_prob.sum() + found.common)

    best = value((0, 1, 2, 3, 4))
    assert all(value(some) < best - 20 for some in itertools.combinations(range(5), 4))


def test_parents_that_tell_far_less_than_others_are_smoothed_less_and_others_as_ever():
    rng = np.random.default_rng(4)
    causes, effects = rng.integers(3, size=(6_000, 4)), rng.normal(0, 1, (2, 3, 3, 3))
    logits = sum(effects[j][causes[:, j], causes[:, j + 1]] for j in range(2))
    child = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    kinds = (Categorical((0, 1, 2)),) * 5
    part = Part(torch.from_numpy(np.column_stack([causes, child])).float())

    def values(asked, *, hasty: bool) -> list[float]:
        tables = PooledTables(kinds, [part])
        found = [tables.spared(4, parents, ALL_SPARED[:1], hasty=hasty)[1] for parents in asked]
        return [float(each.log_prob.sum() + each.common) for each in found]

    asked = [(), (0, 1, 2), (0, 1, 3), (0, 1, 2, 3)]
    hasty, patient = values(asked, hasty=True), values(asked, hasty=False)
    assert hasty[:2] == patient[:2] and hasty[3] == patient[3]
    assert patient[0] < hasty[2] < patient[2] < patient[1]  # which was asked for after one that is much better
    assert values(asked[2:], hasty=True) == patient[2:]
