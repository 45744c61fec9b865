"""The report: what it says, that names cannot break it, and that a browser shows all of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import escape, unescape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import KINDS, small_data
from example_results import believe, chain, posterior
from example_verdicts import asked, made_result, settled_chain
from test_document import Page

from pyrocausal.checks.diagnose import diagnose
from pyrocausal.checks.findings import NAMES, SILENT, Diagnosis, Finding
from pyrocausal.checks.run_settings import Run
from pyrocausal.checks.stability import stability
from pyrocausal.checks.verdict import verdict
from pyrocausal.data.at_least import AtLeast
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kinds import Count
from pyrocausal.fit.discover import discover
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.report.document import Folded, Heading, Strong, Table, Text, to_html, to_markdown
from pyrocausal.report.edge_and_target_sections import edge_section, target_section
from pyrocausal.report.sections import contents
from pyrocausal.report.summary import chain_table, facts, in_words, settings_table
from pyrocausal.report.write import write_report
from pyrocausal.runtime.versions import versions
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.settings import GraphFitting
from pyrocausal.search.settings import Settling

NASTY, HEAT = '<b>&"x"', "heat | <i>40 °C</i>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def result() -> CausalPosterior:
    """Two brief chains on a state, a number and a count, whose names are no friends of HTML."""
    rng = np.random.default_rng(0)
    condition = np.repeat(["control", HEAT, "$drug$"], [300, 80, 80])
    x = rng.random(460) < np.where(condition == HEAT, 0.9, 0.4)
    y = x + 0.5 * rng.normal(size=460) + 3 * (condition == "$drug$")
    table = pd.DataFrame({NASTY: np.where(x, "up", "<down>"), "y": y, "n": rng.poisson(2 + 2 * x)})
    data = InterventionalData.from_frame(
        table.assign(condition=condition), regime="condition", observational="control", kinds={"n": Count()},
        targets={HEAT: NASTY},
    )  # fmt: skip
    with pytest.warns(RuntimeWarning, match="2 of 2 chains have not settled"):
        return discover(
            data, chains=2, cores=1, seed=3, max_steps=3, algorithm=SDI(fitting=GraphFitting(warm_up=20)),
            settling=Settling(rounds=0), progress=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def page(result, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report") / "out.html"
    before = plt.get_fignums()
    assert result.report(path) == path
    assert plt.get_fignums() == before
    return path


def cells(page: Page, header: str) -> int:
    return sum(text == header for text in page.texts)


def test_all_sections_pictures_and_tables_are_there(result, page):
    read = Page(page.read_text(encoding="utf-8"))
    text = "".join(read.texts)
    headings = (
        "Verdict",
        "The table",
        "Summary",
        "Diagnosis",
        "Graph",
        "Edges",
        "Targets",
        "Predictions",
        "Chains",
        "How it was fitted",
        "Settings",
    )
    for heading in headings:
        assert heading in read.texts
    assert [image["alt"] for image in read.named("img")] == [
        "Causal graph", "Probability of every edge, effects in rows and causes in columns", "Targets of the regimes",
        "What was observed and what is predicted, where they differ most",
        "Beliefs along the last steps of the three phases",
    ]  # fmt: skip
    for sentence in in_words(result):
        assert sentence in text
    for name, version in versions().items():
        assert name in read.texts and version in read.texts
    assert read.texts[read.texts.index("seed") :].count(str(result.seed))
    for chain_ in result.chains:
        assert str(chain_.seed) in read.texts
    assert "algorithm.fitting.rows" in read.texts
    assert "2 of 2 chains have not settled" in text
    first = result.edges(None).iloc[0]
    row = [first.cause, first.effect, *(f"{first[c]:.3f}" for c in ("probability", "chain 0", "chain 1"))]
    shown = [each for each in read.texts if each.strip()]
    assert any(shown[i : i + 5] == row for i in range(len(shown)))
    panels = [each for each in read.named("section") if each.get("class") == "about"]
    assert len(panels) == len(result.data.nodes)
    assert 2 < cells(read, "measured as") <= 2 + len(panels) and "nats per row" in text


def test_names_are_escaped(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(b|i|down)>", text)
    read = Page(text)
    assert cells(read, NASTY) >= 2 and cells(read, HEAT) >= 1
    assert not re.search(r"(src|href)=\"(?!data:image/png|#)", text)


def test_a_folder_holds_the_same_and_its_files(result, page, tmp_path):
    found = Diagnosis((Finding("rough-mechanism", (NASTY,), f"{NASTY} does not fit."),))
    folder = tmp_path / "new" / "folder"
    assert write_report(result, folder, diagnosis=found) == folder / "report.html"
    text, html = ((folder / name).read_text(encoding="utf-8") for name in ("report.md", "report.html"))
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert pictures == [f"{name}.png" for name in ("graph", "edges", "targets", "predictions", "beliefs")]
    tables = {"edges.csv", "targets.csv", "result.zip"}
    assert {path.name for path in folder.iterdir()} == {*pictures, *tables, "report.md", "report.html"}
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    for name in tables:
        assert f"`{name}`" in text and f"<code>{name}</code>" in html
    assert "edges.csv" not in page.read_text(encoding="utf-8")  # which is by itself
    assert "<b>" not in text.replace("\\<b>", "")
    assert "Diagnosis" in Page(html).texts and f"<li>{escape(NASTY)} does not fit.</li>" in html
    advice = found.what_to_do("rough-mechanism")
    told = f'**{NAMES["rough-mechanism"]}.**\n\n- \\<b>&amp;"x" does not fit.\n\nWhat to do: {advice}\n'
    assert f"## Diagnosis\n\n{told}" in text


def test_what_is_no_diagnosis(result, tmp_path):
    with pytest.raises(TypeError, match="diagnosis must be a Diagnosis, got str; make one with diagnose"):
        result.report(tmp_path / "c.html", diagnosis="all is well")
    assert not list(tmp_path.iterdir())


def test_a_diagnosis_is_made_where_none_is_given(result, page, monkeypatch):
    text = Page(page.read_text(encoding="utf-8")).texts
    for finding in (*diagnose(result).findings, *diagnose(result).remarks):
        assert finding.message in text
    assert (SILENT in text) == (not diagnose(result).findings)


def test_where_a_report_cannot_go(result, tmp_path):
    with pytest.raises(ValueError, match=r"path: .* is a directory; name a file, such as .*report\.html"):
        result.report(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"path: no such directory: .*nowhere"):
        result.report(tmp_path / "nowhere" / "out.html")
    with pytest.raises(TypeError, match="result must be a CausalPosterior, got str"):
        contents("result")


def test_without_beliefs_and_without_findings():
    one = chain(KINDS["categorical"], belief_logits=None, draws=0)
    parts = contents(CausalPosterior(small_data(), (one,), 0), Diagnosis())
    assert Text((SILENT,)) in parts
    assert "beliefs" not in [getattr(part, "name", None) for part in parts]
    assert any("were not kept" in str(part) for part in parts)


# ---------------------------------------------------------------------- the verdict, and what is weak
def test_the_verdict_comes_first_and_speaks_the_language_that_is_asked_for():
    result = made_result(settled_chain(several_gain=torch.nan), settings=asked(rounds=None))
    changed = [Finding("changed-mechanism", (f"regime {k}", "X3"), "") for k in range(3)]
    found = Diagnosis(tuple(changed), run=Run.of(result), looked={"changed-mechanism": 9})
    for shell, words, others in (
        (False, "several=True", "--several"),
        (True, "--several-targets", "TargetPrior(several"),
    ):
        parts = contents(result, found, shell=shell)
        told, trust = verdict(result, found, shell=shell)
        assert parts[:3] == [Heading("Verdict"), Text((Strong(told),)), Text((trust,))]
        advice = [part.words[0] for part in parts if isinstance(part, Text) and part.words[0].startswith("What to do")]
        assert words in trust and len(advice) == 1 and words in advice[0]
        assert others not in trust + advice[0]


def weak_and_strong() -> CausalPosterior:
    edges = {("X0", "X1"): 1.0, ("X1", "X2"): 0.9, ("X2", "X3"): 0.95}
    strengths = dict(zip(edges, (0.02, 0.3, 0.01), strict=True))
    hit = torch.tensor([[0.0, 0, 0, 1, 0], [1, 0, 1, 0, 0], [0, 0, 0, 0, 1]])
    target_strength = torch.tensor([[0.0, 0, 0, 0.04], [0.1, 0, 0.5, 0], [0, 0, 0, 0]]).double()
    return made_result(settled_chain(edges, strengths, hit, target_strength=target_strength, several=True))


def test_weak_edges_and_targets_are_folded_away_and_the_strongest_come_first():
    result = weak_and_strong()
    parts = [*edge_section(result), *target_section(result)]
    folded = {part.title: [row[:2] for row in part.table.rows] for part in parts if isinstance(part, Folded)}
    assert folded == {
        "Weak edges believed with more than 0.5 (2)": [("X0", "X1"), ("X2", "X3")],
        "Weak targets believed with more than 0.5 (1)": [("regime 0", "X3")],
    }
    shown = [part.rows for part in parts if isinstance(part, Table)]
    assert [row[:2] for row in shown[0]] == [("X1", "X2")]
    assert [row[0] for row in shown[1]] == ["regime 1", "regime 0", "regime 2"]
    assert shown[1][0][2] == "X2 (1.000), X0 (1.000)"
    assert [row[:2] for row in shown[2]] == [("regime 1", "X2"), ("regime 1", "X0")]
    headings = [part.text for part in parts if isinstance(part, Heading)]
    assert "Edges believed with more than 0.5 (3, 2 of them weak and listed apart)" in headings
    html, text = to_html("T", parts), to_markdown("T", parts)
    assert html.count("<details>") == 2 and "\n\n### Weak edges believed with more than 0.5 (2)\n\n| cause |" in text


def test_where_all_is_weak():
    weak = settled_chain(strengths={}, target_strength=torch.zeros(3, 4).double())
    for section in (edge_section, target_section):
        parts = [*section(made_result(weak))]
        assert Text(("None of them is strong.",)) in parts and Text(("None of them is strong.",)) not in [
            *section(made_result())
        ]


def test_nothing_is_folded_where_all_is_strong_or_strengths_are_unknown():
    for chain_ in (settled_chain(), settled_chain(strengths=None, target_strength=None)):
        parts = [*edge_section(made_result(chain_)), *target_section(made_result(chain_))]
        assert not [part for part in parts if isinstance(part, Folded)]
        assert Heading("Edges believed with more than 0.5 (2)", 3) in parts


# ---------------------------------------------------------------------- words and tables
def test_a_summary_in_words():
    edges = {("A", "B"): 0.9, ("B", "C"): 0.6, ("A", "C"): 0.3}
    told = in_words(believe(["A", "B", "C"], edges, {"drug": ("B", 0.9), "heat": (None, 1.0)}))
    assert told == [
        "2 edges among 3 variables are believed with more than 0.5, 1 with more than 0.8. "
        "2 ordered pairs are undecided, between 0.2 and 0.8.",
        "Of 2 regimes with unknown targets, 1 acts on a variable with probability above 0.5 (drug on B).",
        "No target of 1 regime is that probable (heat).",
        "This rests on 2 rows without intervention and 4 rows in 2 regimes, one regime per condition.",
        "1 chain was fitted, and it has settled. Only several can be compared.",
        "The seed was 0; settings and versions are at the end.",
    ]


def test_targets_that_are_certain_are_told_apart_from_those_that_are_found():
    result = believe(["A", "B", "C"], {}, {"drug": ("B", 0.9), "heat": (None, 1.0)})
    target = torch.tensor([[1.0, 0.9, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    drug, heat = result.data.regimes
    data = replace(result.data, regimes=(replace(drug, targets=AtLeast("A")), replace(heat, targets=())))
    chains = (replace(result.chains[0], target_probability=target),)
    result = replace(result, data=data, chains=chains)
    told = in_words(result)
    assert told[1:3] == [
        "Some targets of 1 regime were known beforehand (drug on A, and B found).",
        "The targets of 1 regime were known beforehand.",
    ]
    assert facts(result)["regimes"].endswith("targets of 1 known beforehand, of 1 in part")
    table, _ = [part for part in target_section(result) if isinstance(part, Table)]
    assert table.rows == [
        ("drug", "2", "A (known beforehand), B (0.900)", "C (0.000)"),
        ("heat", "2", "none", "known beforehand"),
    ]


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (12.34, "That a regime may have several targets has 12.3 nats more evidence than that it has one at the most."),
        (-3.0, "That a regime has one target at the most has 3.0 nats more evidence than that it may have several."),
    ],
)
def test_words_of_several_targets(gain, said):
    result = believe(["A", "B"], {}, {"drug": ("B", 0.9)})
    assert not any("nats more evidence" in each for each in in_words(result))  # nobody asked
    asked = replace(result, chains=(replace(result.chains[0], several_gain=gain),))
    assert said in in_words(asked)


def test_words_of_chains_known_targets_and_the_truth(result):
    told = in_words(result)
    assert "The targets of 1 regime were known beforehand." in told
    apart = int(stability(result).shd.loc[0, 1])
    same = f"differ in up to {apart} pair" if apart else "are the same"
    assert told[-2].startswith(f"2 chains, independent restarts, were fitted; 0 of them settled. Their graphs {same}")
    many = believe(["A", "B"], {}, {f"r{i}": ("A", 0.9) for i in range(15)})
    assert in_words(many)[1].endswith("r11 on A, and 3 more).")


def test_tables_of_edges_and_chains():
    result = posterior()
    strengths = [torch.arange(16.0).reshape(4, 4) + chain for chain in range(2)]
    known = zip(result.chains, strengths, strict=True)
    result = replace(result, chains=tuple(replace(chain, edge_strength=each) for chain, each in known))
    table = result.edges(None)
    assert list(table.columns[:5]) == ["cause", "effect", "probability", "strength", "size"]
    assert list(table.columns[5:]) == ["measured as", "settled", "chain 0", "chain 1"]
    assert table.strength.is_monotonic_decreasing
    assert len(table) == 12 and table.settled.sum() == int(result.best.dag.sum())
    for row in table.itertuples(index=False):
        cause, effect = int(row.cause[1]), int(row.effect[1])
        assert row.settled == bool(result.best.dag[effect, cause])
        assert row.strength == float(result.edge_strengths[effect, cause]) > 0
        assert row.settled == (row[5] != "") == np.isfinite(row.size)
        assert row[7:] == tuple(float(each.edge_probability[effect, cause]) for each in result.chains)
    chains = chain_table(result)
    assert chains["seed"].tolist() == ["0", "1"] and chains["graphs drawn"].tolist() == ["12", "12"]
    assert chains["moves accepted"].tolist() == ["25%", "25%"]
    assert "rounds of settling" not in chains


def test_settings_are_flat():
    nested = {"a": {"b": {"c": 1}, "d": None}, "e": [0.9, 0.99], "f": {}}
    assert settings_table(nested) == [("a.b.c", "1"), ("a.d", "none"), ("e", "[0.9, 0.99]"), ("f", "none")]


# ---------------------------------------------------------------------- in a browser
MEASURE = """\
<!DOCTYPE html><meta charset="utf-8"><iframe style="width:{width}px;height:800px;border:0" srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const shown = document.querySelector("iframe").contentDocument, root = shown.documentElement;
  const found = {{
    client: root.clientWidth, scroll: root.scrollWidth, body: shown.body.scrollWidth,
    images: [...shown.images].map(image => [image.complete, image.naturalWidth, image.naturalHeight, image.width]),
    headings: shown.querySelectorAll("h2").length, errors: document.errors,
  }};
  document.title = JSON.stringify(found);
}};
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on this machine")
@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_all_of_it(page, tmp_path, width):
    """The report as it is, in a frame as wide as a phone or a desk; the script that measures it is the frame's."""
    outside = tmp_path / "outside.html"
    outside.write_text(MEASURE.format(width=width, page=escape(page.read_text(encoding="utf-8"))), encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", outside.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not complaints  # no refused resource, no failed image
    title = re.search(r"<title>(.*?)</title>", done.stdout.replace("\n", ""))
    found = json.loads(unescape(title[1]))
    assert found["client"] == width and found["headings"] == page.read_text(encoding="utf-8").count("<h2") > 8
    assert found["scroll"] <= width and found["body"] <= width
    assert len(found["images"]) == 5
    assert all(complete and min(size) > 0 for complete, *size in found["images"])


def test_what_a_covariate_acts_on_is_no_edge_of_a_chains_graph():
    result = believe(["A", "B", "C"], {("A", "B"): 1.0, ("B", "C"): 1.0}, {"drug": ("B", 0.9)})
    (one,) = result.chains
    dag = (one.edge_probability > 0.5).cpu()
    result = replace(result, chains=(replace(one, dag=dag),))
    assert chain_table(result)["edges of its graph"].item() == "2"
    covered = replace(result, data=replace(result.data, covariates=("A",)))
    assert chain_table(covered)["edges of its graph"].item() == "1"
    assert repr(covered).startswith("CausalPosterior(1 chain, settled; 2 variables, 1 edge, 1 regime)")


def test_rows_with_weights_are_told_with_what_they_add_up_to():
    result = believe(["A", "B"], {}, {"drug": ("B", 0.9)})
    (drug,) = result.data.regimes
    halves = torch.full((2,), 2.5, dtype=torch.double)
    data = replace(result.data, observational_weights=halves, regimes=(replace(drug, weights=halves),))
    told = "2 rows of total weight 5 without intervention and 2 rows of total weight 5 in 1 regime, one regime per"
    assert f"This rests on {told} condition." in in_words(replace(result, data=data))
