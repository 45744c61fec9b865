"""Columns that are conditioned on, and rows that belong together."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import pyrocausal as pc
from pyrocausal.data.interventional_data import InterventionalData

HITS = {"G1": 0.1, "G2": 0.9, "G3": 0.2}  # share of late rows where each is acted on


def cells(n=600, hit=None, late=0.3, seed=0) -> pd.DataFrame:
    """G1 -> G4; batch acts on G1, G2 and G3; regimes were recorded in different batches."""
    rng = np.random.default_rng(seed)
    batch = rng.random(n) < late
    table = rng.normal(size=(n, 3)) + batch[:, None] * [1.5, 1.2, -1.3]
    if hit:
        table[:, int(hit[1]) - 1] = 0.5 * rng.normal(size=n) + 4
    last = 0.9 * table[:, 0] + 0.6 * rng.normal(size=n)
    frame = pd.DataFrame(np.column_stack([table, last]), columns=["G1", "G2", "G3", "G4"])
    return frame.assign(batch=np.where(batch, "late", "early"))


def tables(n=600, each=200, seed=0):
    made = {f"on {hit}": cells(each, hit, late, 10 * seed + k) for k, (hit, late) in enumerate(HITS.items(), 1)}
    return cells(n, seed=10 * seed), made


def read(covariates=("batch",), **options) -> InterventionalData:
    return InterventionalData.from_frames(*tables(**options), covariates=covariates)


# ---------------------------------------------------------------- covariates
def test_covariates_are_variables_beside_the_graph():
    data = read()
    assert data.names == ("G1", "G2", "G3", "G4", "batch") and data.covariates == ("batch",) == data.aside
    assert data.nodes == ("G1", "G2", "G3", "G4") and data.places == [0, 1, 2, 3]
    assert "1 of them covariates" in repr(data) and "covariates" not in repr(read(()))
    long = pd.concat([tables()[0].assign(arm="control"), *(f.assign(arm=r) for r, f in tables()[1].items())])
    again = InterventionalData.from_frame(long, "arm", "control", covariates=["batch"])
    assert again.covariates == data.covariates and again.regime_names == data.regime_names
    arrays = InterventionalData.from_arrays(np.eye(3), [np.eye(3)], names=["A", "B", "C"], covariates=["C"])
    assert arrays.nodes == ("A", "B")


@pytest.mark.parametrize(
    ("covariates", "error", "message"),
    [
        ("batch", TypeError, "covariates: expected names of variables, as \\['batch'\\], got 'batch'"),
        (["plate"], ValueError, "covariates: 'plate' is no variable"),
        (["batch", "batch"], ValueError, "covariates: 'batch' occurs more than once"),
        (["batch", "G1", "G2", "G3"], ValueError, "they leave fewer than two variables"),
    ],
)
def test_what_is_no_covariate_is_refused(covariates, error, message):
    with pytest.raises(error, match=message):
        read(covariates)


def test_nothing_acts_on_a_covariate():
    with pytest.raises(ValueError, match="'batch' is a covariate, which no regime acts on"):
        InterventionalData.from_frames(*tables(), covariates=["batch"], targets={"on G1": "batch"})
    data = read()
    with pytest.raises(ValueError, match="G1 -> batch cannot be: 'batch' is a covariate, on which nothing acts"):
        pc.discover(data, required=[("G1", "batch")])
    with pytest.raises(ValueError, match="names 'batch', an exposure or a covariate, which no regime acts on"):
        pc.discover(data, target_prior=pc.TargetPrior(probability={"on G1": {"batch": 0.5}}))


@pytest.fixture(scope="module")
def fits() -> dict[bool, pc.CausalPosterior]:
    settling = pc.Settling(refitting=None, final_steps=100)
    control, regimes = tables()
    without = InterventionalData.from_frames(
        control.drop(columns="batch"), {name: frame.drop(columns="batch") for name, frame in regimes.items()}
    )
    options = {"chains": 1, "seed": 0, "progress": False, "settling": settling}
    return {True: pc.discover(read(), **options), False: pc.discover(without, **options)}


def test_what_differs_between_batches_is_no_reason_for_an_edge(fits):
    assert set(fits[True].dag().edges) == {("G1", "G4")}
    assert fits[True].targets() == {f"on {hit}": (hit,) for hit in HITS}
    assert len(fits[False].dag().edges) > 2  # the same genes without their batch


def test_a_covariate_is_no_node_of_anything_that_is_shown(fits, tmp_path):
    result, nodes = fits[True], ["G1", "G2", "G3", "G4"]
    assert (
        result.edge_probabilities.effect.values.tolist() == nodes == result.target_strengths["variable"].values.tolist()
    )
    assert list(result.dag()) == nodes == list(result.to_networkx())
    assert set(result.edges(None).cause) == set(nodes) and "batch" not in set(result.target_table(None).variable)
    assert result.drift.shape == (3, 4) and result.best.dag.shape == (5, 5)
    assert bool(result.best.dag[:3, 4].all())  # though it acts on what it acts on
    assert "4 variables, 1 edge," in repr(result)
    pc.plot_graph(result)
    pc.plot_edges(result, truth=nx.DiGraph([("G1", "G4"), ("G2", "G1"), ("G3", "G1")]))
    pc.plot_targets(result)
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 of them covariates: batch" in page and "among 4 variables" in page


def test_predicted_tables_keep_the_covariates(fits):
    predicted = fits[True].to_arviz(posterior_predictive=2)
    drawn, seen = (predicted[group]["batch"].values for group in ("posterior_predictive", "observed_data"))
    assert (drawn == seen).all()


def test_findings_and_undecided_pairs_are_of_nodes(fits):
    for finding in pc.diagnose(fits[True]).findings:
        assert "batch" not in finding.subject


# ---------------------------------------------------------------- groups
def grouped(n=300, patients=30, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    patient = rng.integers(patients, size=n)
    return pd.DataFrame({"A": rng.normal(size=n), "B": rng.normal(size=n), "patient": [f"p{k}" for k in patient]})


def test_groups_count_not_rows():
    control, drug = grouped(), grouped(60, 10, 1)
    data = InterventionalData.from_frames(control, {"drug": drug}, groups="patient")
    assert data.names == ("A", "B") and data.weighted
    assert float(data.observational_weights.sum()) == pytest.approx(control.patient.nunique())
    assert float(data.regimes[0].weights.sum()) == pytest.approx(drug.patient.nunique())
    sizes = control.patient.map(control.patient.value_counts())
    np.testing.assert_allclose(data.observational_weights, 1 / sizes, rtol=1e-6)


def test_a_row_of_its_own_group_counts_as_before():
    control, drug = (frame.assign(patient=range(len(frame))) for frame in (grouped(), grouped(60, 10, 1)))
    weights = InterventionalData.from_frames(control, {"drug": drug}, groups="patient").observational_weights
    assert weights is None or bool((weights == 1).all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="patient"), "groups: expected one column 'patient' in regime 'drug'"),
        (lambda frame: frame.assign(patient=[None, *frame.patient[1:]]), "1 rows of regime 'drug' have no group"),
        (lambda frame: frame.assign(patient="p"), "regime 'drug' has 1 group in column 'patient'"),
    ],
)
def test_what_is_no_group_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        InterventionalData.from_frames(grouped(), {"drug": change(grouped(60, 10, 1))}, groups="patient")


def test_repeated_rows_of_a_patient_buy_no_edge():
    # 60 patients of 20 rows each: a correlation of 0.25 is chance if patients count, and beyond doubt if rows do.
    rng = np.random.default_rng(0)

    def patients(n, shift):
        level = np.linalg.qr(np.column_stack([np.ones(n), rng.normal(size=(n, 2))]))[0][:, 1:] * np.sqrt(n)
        level[:, 1] = 0.25 * level[:, 0] + np.sqrt(1 - 0.25**2) * level[:, 1]
        rows = np.repeat(level + np.array([shift, 0.25 * shift]), 20, 0) + 0.1 * rng.normal(size=(20 * n, 2))
        frame = pd.DataFrame(rows, columns=["A", "B"]).assign(patient=np.repeat(np.arange(n), 20))
        return frame.sample(frac=1, random_state=0)

    frames = patients(60, 0.0), {"drug": patients(20, 1.0)}
    joined = {}
    for groups in (None, "patient"):
        data = InterventionalData.from_frames(*frames, groups=groups, ignore=[] if groups else ["patient"])
        settling = pc.Settling(refitting=None, final_steps=0)
        result = pc.discover(data, chains=1, seed=0, progress=False, settling=settling, max_steps=1)
        joined[groups] = float(result.edge_probabilities.sum())
    assert joined[None] > 0.9 and joined["patient"] < 0.5
