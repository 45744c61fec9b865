"""A graph to be explored in a page: a slider that hides weak edges, and what is known of a variable on a click.

One script of a few lines, which the page allows by its hash and nothing else. Where scripts do not run, and on paper,
there is the plain picture instead.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

__all__ = ["SCRIPT", "STYLE", "explorer", "script_hash"]


def explorer(plain: str, drawing: str, panels: Sequence[tuple[str, str]]) -> str:
    """Write it as HTML.

    Parameters
    ----------
    plain
        The picture, as HTML.
    drawing
        What `pyrocausal.report.drawn_graph.drawn_graph` gave.
    panels
        Of every variable its name, escaped, and what is told of it, as HTML.
    """
    about = "\n".join(
        f'<section class="about" id="about-{place}" tabindex="-1" aria-label="{name}" hidden>\n'
        f'<button type="button" class="close">Close</button>\n<h3>{name}</h3>\n{told}\n</section>'
        for place, (name, told) in enumerate(panels)
    )
    return (
        f'<div class="plain">{plain}</div>\n<div class="explorer" hidden>\n'
        '<p class="controls"><label>Hide weak edges <input type="range" min="0" value="0" step="1"></label> '
        '<output aria-live="polite"></output></p>\n'
        '<p class="hint">Click a variable, or press Enter on it, to see its mechanism, checks and effects; '
        "Escape closes.</p>\n"
        f'<div class="drawing">{drawing}</div>\n{about}\n</div>'
    )


def script_hash() -> str:
    """What a content security policy knows the script by."""
    return "sha256-" + b64encode(sha256(SCRIPT.encode()).digest()).decode()


SCRIPT = """
for (const root of document.querySelectorAll(".explorer")) {
  const edges = [...root.querySelectorAll(".edge")], variables = [...root.querySelectorAll(".variable")];
  const slider = root.querySelector("input"), output = root.querySelector("output");
  const known = edges.some(edge => edge.dataset.strength !== "");
  const value = edge => Number(known ? edge.dataset.strength : edge.dataset.probability);
  const levels = [...new Set(edges.map(value))].sort((a, b) => a - b);
  slider.max = Math.max(levels.length - 1, 0);
  slider.disabled = levels.length < 2;
  const slide = () => {
    const least = levels[slider.value] ?? 0;
    let shown = 0;
    for (const edge of edges) {
      const hidden = value(edge) < least;
      edge.classList.toggle("hidden", hidden);
      shown += !hidden;
    }
    const unit = known ? " nats a row or more" : " probability or more";
    const which = Number(slider.value) ? `: ${least.toPrecision(2)}${unit}` : "";
    output.textContent = `${shown} of ${edges.length} edges${which}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  let open = null;
  const close = back => {
    if (!open) return;
    document.getElementById("about-" + open.dataset.place).hidden = true;
    open.setAttribute("aria-expanded", "false");
    for (const each of root.querySelectorAll(".near")) each.classList.remove("near");
    if (back) open.focus();
    open = null;
  };
  const show = variable => {
    const again = open === variable;
    close(again);
    if (again) return;
    open = variable;
    variable.setAttribute("aria-expanded", "true");
    variable.classList.add("near");
    for (const edge of edges) {
      const ends = [edge.dataset.cause, edge.dataset.effect];
      edge.classList.toggle("near", ends.includes(variable.dataset.place));
    }
    const about = document.getElementById("about-" + variable.dataset.place);
    about.hidden = false;
    about.focus({preventScroll: true});
    about.scrollIntoView({block: "nearest"});
  };
  for (const variable of variables) {
    variable.addEventListener("click", () => show(variable));
    variable.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      show(variable);
    });
  }
  for (const button of root.querySelectorAll(".close")) button.addEventListener("click", () => close(true));
  root.addEventListener("keydown", event => { if (event.key === "Escape") close(true); });
  slider.addEventListener("input", slide);
  slide();
  root.hidden = false;
  root.previousElementSibling.classList.add("replaced");
}
"""

STYLE = """\
.drawing { overflow-x: auto; }
.drawing svg { display: block; max-width: max(100%, 44rem); height: auto; font-family: inherit; }
.edge { color: var(--text); }
.edge.undecided { color: var(--pale); }
.edge path { fill: none; stroke: currentColor; }
.edge polygon { fill: currentColor; }
.edge.hidden { display: none; }
.edge.near { color: var(--near); }
.variable { cursor: pointer; }
.variable rect { fill: var(--page); stroke: var(--text); stroke-width: 0.9; }
.variable.target rect { fill: var(--target); }
.variable text { fill: var(--text); text-anchor: middle; }
.variable.near rect { stroke: var(--near); stroke-width: 2; }
.variable:focus { outline: none; }
.variable:focus-visible rect { stroke: var(--near); stroke-width: 3; }
.controls label, .controls output { display: inline-block; margin-right: 0.75rem; }
.controls input { vertical-align: middle; width: 14rem; max-width: 100%; }
.hint { color: var(--soft); font-size: 0.875rem; }
.about { border: 1px solid var(--line); border-radius: 6px; padding: 0 1rem 0.5rem; margin: 1rem 0; }
.about .close { float: right; margin-top: 1rem; font: inherit; }
.plain.replaced { display: none; }
@media print {
  .explorer { display: none; }
  .plain.replaced { display: block; }
}
"""
