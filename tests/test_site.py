"""The site is built without a warning, and every page and public name has its place on it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyrocausal
from benchmarks.compared import MARKS, compared, write_compared

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
API = sorted((DOCS / "api").glob("*.md"))


def trees(page):
    """Pages that the tables of contents of a page name."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.M | re.S):
        names = [line for line in block.splitlines() if line and not line.startswith(":")]
        yield from ((page.parent / re.sub(r"^.*<(.*)>$", r"\1", name)).resolve() for name in names)


def test_every_page_is_in_one_table_of_contents():
    told = [path for page in PAGES for path in trees(page)]
    assert len(set(told)) == len(told)
    assert {page.with_suffix("") for page in PAGES} - {DOCS / "index"} <= set(told)


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent.name == "how_to"], ids=lambda page: page.stem)
def test_an_answer_is_a_screen(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 55
    assert lines[0].startswith("# ")


@pytest.mark.parametrize("name", pyrocausal.__all__)
def test_every_public_name_is_explained_once(name):
    texts = [page.read_text(encoding="utf-8") for page in API]
    found = getattr(pyrocausal, name)
    module = found.__name__ if hasattr(found, "__path__") or not hasattr(found, "__module__") else ""
    wanted = rf"^\.\. auto\w+:: (pyrocausal\.{name}{f'|{re.escape(module)}' if module else ''})$"
    assert sum(len(re.findall(wanted, text, re.M)) for text in texts) == 1
    assert sum(len(re.findall(rf"^   {name}$", text, re.M)) for text in texts) == 1  # in the list at a page's top


def test_the_table_of_methods_is_what_the_results_say():
    """If not: python -m benchmarks compared."""
    text = (DOCS / "which_method.md").read_text(encoding="utf-8")
    assert (
        text.partition(MARKS[0])[2].partition(MARKS[1])[0].strip() == compared(ROOT / "benchmarks" / "results").strip()
    )


def test_a_method_that_failed_or_ended_at_its_limit_is_told_as_it_is(tmp_path):
    results, page = tmp_path / "results", tmp_path / "page.md"
    results.mkdir()
    rows = ["ours,0,0,2.0,ok", "ours,1,1,4.0,ok", "ut-igsp,0,5,70.0,cpu-limit", "gies,0,,,error: none"]
    head = "suite,problem,method,seed,shd_dag,cpu_total,status"
    texts = {"paper": [head, *(f"paper,chain3,{row}" for row in rows), "paper,fork3,ours,0,0,1.0,ok"]}
    for suite in ("paper", "bnlearn", "synthetic25", "continuous"):
        (results / f"{suite}.csv").write_text("\n".join(texts.get(suite, [head])) + "\n")
    page.write_text("nothing to put it between\n")
    with pytest.raises(ValueError, match=r"page\.md has no marks"):
        write_compared(results, page)
    page.write_text(f"before\n{''.join(MARKS)}after\n")
    write_compared(results, page)
    (line,) = [line for line in page.read_text().splitlines() if "chain3" in line]  # and fork3 was given to ours alone
    assert line == r"| chain3 | **0.5** (2; 3.0&nbsp;s) |  |  | **5.0** (1; 70&nbsp;s\*) |  |  |  |"
    assert "fork3" not in page.read_text()
    assert page.read_text().startswith("before\n") and page.read_text().endswith("after\n")


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("sphinx", "furo", "myst_nb")),
    reason="the extra docs is not installed",
)
def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", tmp_path / "read", "-c", "docs", "."]
    run = subprocess.run([*command, tmp_path / "site"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    landing = (tmp_path / "site" / "docs" / "index.html").read_text(encoding="utf-8")
    for picture in re.findall(r'<img[^>]* src="([^"]+)"', landing):
        assert (tmp_path / "site" / "docs" / picture).exists()
    assert "_images/sachs.png" in landing
    assert 'url=docs/index.html"' in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
