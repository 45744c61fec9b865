"""The README and the pages of docs/ run, and continuous integration runs the README's commands."""

import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import arviz as az
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import pyrocausal as pc
from pyrocausal.cli.arguments import make_parser
from pyrocausal.cli.main import main

ROOT = Path(__file__).parent.parent
# Examples of these pages go on from the README's, in this order; those of docs/how_to from the README's alone.
ORDER = ["tables", "prior_knowledge", "method", "arviz", "checking_a_fit", "swap_a_part", "asking_a_fit", "accuracy"]
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ORDER)]
ANSWERS = sorted((ROOT / "docs" / "how_to").glob("*.md"))
NEEDS = {"anndata": "anndata"}  # answers that need an extra


def fenced(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


matplotlib.use("Agg")


def test_continuous_integration_runs_the_readmes_commands():
    first = fenced(PAGES[0])[:2]
    assert [language for language, _ in first] == ["sh", "sh"]
    demo, test = (text.strip() for _, text in first)
    script = ROOT / ".ci" / "run"
    commands = re.findall(r'^run "(.*?)"', script.read_text(encoding="utf-8"), re.M)
    assert commands[1] == test
    assert commands[-1] == demo
    assert os.access(script, os.X_OK)


def test_the_readme_is_short_and_leads_to_every_long_page_and_to_the_site():
    text = PAGES[0].read_text(encoding="utf-8")
    assert text.count("\n") < 250
    for page in (*ORDER, "index", "how_to/index", "api/index"):
        assert f"(docs/{page}.md)" in text


def test_code_is_run_wherever_it_stands():
    with_code = {page for page in (ROOT / "docs").rglob("*.md") if "```python\n" in page.read_text(encoding="utf-8")}
    assert with_code <= {*PAGES, *ANSWERS}


@pytest.mark.parametrize(
    "page",
    [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "README.md"],
    ids=lambda page: f"{page.parent.name}/{page.stem}",
)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        path = unquote(path)
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
            assert anchor in [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles], target


def run(page: Path, names: dict) -> None:
    """Run what a page has in Python, among these names; no parameter is left in Pyro's store."""
    for language, code in fenced(page):
        if language == "python":
            exec(compile(code, page.name, "exec"), names)


def shell_lines():
    """Every `pyrocausal ...` of the pages' blocks for the shell, lines that are continued put together."""
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for language, text in fenced(page):
            if language == "sh":
                lines = text.replace("\\\n", " ").splitlines()
                yield from (
                    line for each in lines for line in each.split("&&") if line.strip().startswith("pyrocausal ")
                )


def ask_in_the_shell(result, table):
    """Run what the pages ask a table, and a result, in the shell; fits are run by tests/cli."""
    Path("results").mkdir()
    result.save("results/result.zip")
    for line in dict.fromkeys(map(str.strip, shell_lines())):
        told = make_parser().parse_args(shlex.split(line)[1:])
        if told.command == "check":
            table.rename(columns={"condition": told.regime_column}).to_csv(told.table, index=False)
        if told.command in ("check", "effect"):
            assert main(shlex.split(line)[1:]) == 0, line


@pytest.mark.parametrize("line", list(dict.fromkeys(map(str.strip, shell_lines()))))
def test_lines_for_the_shell_are_understood(line, tmp_path, monkeypatch):
    """Options are there and take such values; tests/cli runs them."""
    monkeypatch.chdir(tmp_path)
    told = make_parser().parse_args(shlex.split(line)[1:])
    assert told.command == line.split()[1]


@pytest.mark.parametrize(("page", "module"), NEEDS.items())
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_answers_that_need_an_extra(page, module):
    pytest.importorskip(module, reason=f"the extra {module} is not installed")
    run(ROOT / "docs" / "how_to" / f"{page}.md", {})


def test_answers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = {}
    run(PAGES[0], first)
    for page in ANSWERS:
        if page.stem not in NEEDS:
            run(page, dict(first))
    plt.close("all")
    ask_in_the_shell(first["result"], first["table"])


@pytest.mark.filterwarnings("ignore:1 of 1 chains have not settled:RuntimeWarning")
def test_python_examples(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for page in PAGES:
        run(page, names)
    plt.close("all")

    result = names["result"]
    assert set(result.dag().edges) == {("ligand", "kinase"), ("kinase", "reporter")}
    assert result.targets() == {"vehicle": (), "drug A": ("ligand",), "drug B": ("kinase",), "drug C": ("reporter",)}
    out = capsys.readouterr().out
    assert "[('kinase', 'reporter'), ('ligand', 'kinase')]" in out
    text = " ".join((ROOT / "docs" / "checking_a_fit.md").read_text(encoding="utf-8").split())
    assert f'"{pc.verdict(result, names["diagnosis"])}"' in text  # the page says what comes out
    assert {path.name for path in tmp_path.iterdir()} == {"graph.png", "cells.html", "cells.zip", "cells.nc"}
    assert (names["sampled"].reporter == "high").mean() == pytest.approx(0.8, abs=0.1)
    assert len(names["swapped"].chains) == 1
    assert (names["check"].table().settled > names["check"].table()["independent"] + 0.05).loc["all"]
    assert (names["control"].rank, len(names["control"].permuted)) == (1, 5)
    assert set(names["informed"].dag().edges) == set(result.dag().edges)
    found = names["hits"].to_pandas()
    assert (found > 0.5).to_numpy().tolist() == [[False] * 3, *(np.eye(3) > 0).tolist()]
    assert names["diagnosis"].findings == ()
    assert names["genes"].exposures == ("depth",)
    assert names["drawn"].edge_probabilities.sel(effect="reporter", cause="kinase").item() > 0.9
    assert names["drawn"].chains[0].graphs.shape == (500, 3, 3)
    assert names["idata"]["posterior"]["edge"].shape == (2, 100, 3, 3)
    assert float(az.rhat(names["idata"], var_names=["n_edges"])["n_edges"]) < 1.2
