"""The graph to be explored: what its elements say, that the page allows its script alone, and that a browser obeys."""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64encode
from hashlib import sha256
from html import escape, unescape

import pytest
from conftest import KINDS
from example_verdicts import made_result, settled_chain
from test_document import Page
from test_write import CHROMIUM

from pyrocausal.checks.findings import Diagnosis, Finding
from pyrocausal.report import effect_section, graph_section
from pyrocausal.report.document import Explored, pictures_of, to_html, to_markdown
from pyrocausal.report.drawn_graph import drawn_graph
from pyrocausal.report.sections import contents

EDGES = {("X0", "X1"): 1.0, ("X1", "X2"): 0.9, ("X0", "X3"): 0.3}
STRENGTHS = {("X0", "X1"): 0.3, ("X1", "X2"): 0.1}
FOUND = Diagnosis((Finding("hidden-cause", ("X1", "X2"), "X1 and X2 share something"),))


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setattr(effect_section, "VISITS", 0)
    monkeypatch.setattr(effect_section, "FEWEST_DRAWS", 4)
    return contents(made_result(settled_chain(EDGES, STRENGTHS), rows=150), FOUND)


def explored(parts) -> Explored:
    (found,) = [part for part in parts if isinstance(part, Explored)]
    return found


def test_edges_and_variables_say_what_they_are():
    page = Page(drawn_graph(made_result(settled_chain(EDGES, STRENGTHS), rows=20)))
    edges = [each for each in page.named("g") if each["class"].startswith("edge")]
    told = {(e["data-cause"], e["data-effect"]): (e["class"], e["data-strength"], e["data-probability"]) for e in edges}
    assert told == {
        ("0", "1"): ("edge", "0.3", "1.0000"),
        ("1", "2"): ("edge", "0.1", "0.9000"),
        ("0", "3"): ("edge undecided", "0", "0.3000"),
    }
    variables = [each for each in page.named("g") if each["class"].startswith("variable")]
    assert [each["data-place"] for each in variables] == ["0", "1", "3", "2"]  # as they stand, from the top
    assert all(each["role"] == "button" and each["tabindex"] == "0" for each in variables)
    assert variables[0]["aria-label"] == "X0: 0 causes, 2 effects, target of regime 0"
    assert all(f"X{each['data-place']}: " in each["aria-label"] for each in variables)


def test_strengths_that_are_not_known_are_empty_and_names_are_escaped():
    result = made_result(settled_chain(EDGES, None), rows=20)
    object.__setattr__(result.data, "names", ("<b>", "X1", "X2", "X3"))
    text = drawn_graph(result)
    edges = [each for each in Page(text).named("g") if each["class"].startswith("edge")]
    assert {each["data-strength"] for each in edges} == {""} and "<b>" not in text and "&lt;b&gt;" in text


def test_the_page_allows_this_script_and_no_other(parts):
    html = to_html("T", parts)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    assert not re.search(r"(src|href)=\"(?!data:image/png|#)", html) and "http" not in script
    assert len(html) < 3_000_000


def test_panels_tell_of_mechanisms_checks_and_effects(parts):
    panels = dict(explored(parts).panels)
    assert list(panels) == ["X0", "X1", "X2", "X3"]
    html = {name: to_html("T", inside) for name, inside in panels.items()}
    assert "What each cause does to X1" in html["X1"] and "<img" not in html["X0"]
    assert "Signs of a common cause that was not measured: X1 and X2 share something" in html["X1"]
    assert "Nothing was found that names it." in html["X0"] and "Target of regime 0." in html["X0"]
    assert "mean of X2" in html["X1"] and "mean of X1" in html["X1"] and "mean of X2" not in html["X3"]


def test_mechanisms_are_drawn_of_so_many_variables_and_the_others_are_counted(monkeypatch):
    monkeypatch.setattr(effect_section, "VISITS", 0)
    monkeypatch.setattr(effect_section, "FEWEST_DRAWS", 4)
    monkeypatch.setattr(graph_section, "PICTURES", 1)
    found = contents(made_result(settled_chain(EDGES, STRENGTHS), rows=60), FOUND)
    html = to_html("T", found)
    assert html.count("What each cause does to") == 1 and "What each cause does to X1" in html
    assert "Mechanisms of the 1 variables with the strongest causes, of 2, are drawn" in html


def test_markdown_has_the_picture(parts):
    assert "![Causal graph](graph.png)" in to_markdown("T", parts)
    names = [picture.name for picture in pictures_of(parts)]
    assert names[:2] == ["graph", "strengths"] and len(set(names)) == len(names)


def test_categories_have_panels_too(monkeypatch):
    monkeypatch.setattr(effect_section, "VISITS", 0)
    monkeypatch.setattr(effect_section, "FEWEST_DRAWS", 4)
    assert set(kind.discrete for kind in KINDS["categorical"]) == {True}
    result = made_result(settled_chain(EDGES, STRENGTHS, kinds="categorical"), kinds="categorical", rows=60)
    assert "What each cause does to X2" in to_html("T", explored(contents(result, FOUND)).panels[2][1])


# ---------------------------------------------------------------------- in a browser
TRY = """\
<!DOCTYPE html><meta charset="utf-8"><iframe style="width:390px;height:800px;border:0" srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const frame = document.querySelector("iframe"), shown = frame.contentDocument, found = {{}};
  const root = shown.querySelector(".explorer"), slider = root.querySelector("input");
  const seen = name => shown.defaultView.getComputedStyle(shown.querySelector(name)).display !== "none";
  const edges = () => [...root.querySelectorAll(".edge:not(.hidden)")].map(e => e.dataset.cause + e.dataset.effect);
  const open = () => [...root.querySelectorAll(".about:not([hidden])")].map(each => each.id);
  const Press = shown.defaultView.KeyboardEvent;
  const press = (node, key) => node.dispatchEvent(new Press("keydown", {{key, bubbles: true}}));
  const slide = value => {{ slider.value = value; slider.dispatchEvent(new Event("input")); return edges().sort(); }};
  found.seen = [seen(".plain"), seen(".explorer")];
  found.slid = [slide(0), slide(1), slide(2)];
  found.told = root.querySelector("output").textContent;
  const variable = root.querySelector('.variable[data-place="1"]');
  press(variable, "Enter");
  found.open = open();
  found.expanded = variable.getAttribute("aria-expanded");
  found.focus = shown.activeElement.id;
  found.near = root.querySelectorAll(".edge.near").length;
  root.querySelector('.variable[data-place="2"]').dispatchEvent(new MouseEvent("click"));
  found.other = open();
  press(shown.activeElement, "Escape");
  found.closed = open();
  found.back = shown.activeElement.dataset.place;
  found.wide = shown.documentElement.scrollWidth;
  document.title = JSON.stringify(found);
}};
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on this machine")
def test_a_browser_slides_opens_and_closes(parts, tmp_path):
    outside = tmp_path / "outside.html"
    outside.write_text(TRY.format(page=escape(to_html("T", parts))), encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", outside.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line], done.stderr
    title = re.search(r"<title>(.*?)</title>", done.stdout.replace("\n", ""))
    assert json.loads(unescape(title[1])) == {
        "seen": [False, True],
        "slid": [["01", "03", "12"], ["01", "12"], ["01"]],
        "told": "1 of 3 edges: 0.30 nats a row or more",
        "open": ["about-1"], "expanded": "true", "focus": "about-1", "near": 2,
        "other": ["about-2"], "closed": [], "back": "2", "wide": 390,
    }  # fmt: skip
