"""Draw the gallery's pictures of mechanisms, strengths, evidence and the report's graph.

    pyrocausal demo asia --seed 0 --chains 2 --out results
    python docs/pictures.py results

takes the fit of the first line, and writes to `docs/images`. The mechanism of a number is that of a greenhouse, which
it simulates and fits. The report's graph is what Chromium shows of it; without Chromium it is left as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
import networkx as nx
import numpy as np
from matplotlib.figure import Figure

import pyrocausal as pc

IMAGES = Path(__file__).parent / "images"
ALONE = """<style>
header, main > section:not(:has(.explorer)), section:has(> .explorer) > :not(.explorer) { display: none }
body { padding: 0.75rem; margin: 0 }
</style>
<script>
addEventListener("load", () => {
  const variable = document.querySelector('.variable[aria-label^="dysp"]');
  variable.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  document.activeElement.blur();
  scrollTo(0, 0);
});
</script>"""


def save(figure: Figure, name: str) -> None:
    """Write a figure; 256 colours are enough for it, and a third of the size."""
    path = IMAGES / f"{name}.png"
    figure.savefig(path, dpi=110)
    smaller(path)


def smaller(path: Path) -> None:
    """Keep 256 colours of a picture."""
    from PIL import Image  # matplotlib brings it

    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def greenhouse() -> pc.CausalPosterior:
    """Light and water act on growth, growth on yield: numbers, with curves."""
    graph = nx.DiGraph([("light", "growth"), ("water", "growth"), ("growth", "yield")])
    truth = pc.simulate.additive_noise_truth(graph, np.random.default_rng(3))
    made = pc.simulate.simulate(truth, intervention=pc.simulate.hard_normal(), rows=1000, rows_per_regime=150, seed=0)
    return pc.discover(made.data, chains=1, seed=0, progress=False)


def explored(report: Path) -> None:
    """The report's graph as a browser shows it, with a variable clicked on."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("left out: report-graph.png, for there is no Chromium")
        return
    page = report.read_text(encoding="utf-8")
    start = page.index('<meta http-equiv="Content-Security-Policy"')  # it allows no other script than its own
    page = page[:start] + page[page.index(">", start) + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        copy.write_text(page.replace("</body>", ALONE + "</body>"), encoding="utf-8")
        path = IMAGES / "report-graph.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=800,1500"]
        subprocess.run([browser, *options, f"--screenshot={path}", copy.as_uri()], check=True, capture_output=True)
        smaller(path)


def main(folder: Path) -> None:
    """Draw all of them from a folder that the demo wrote."""
    matplotlib.use("Agg")
    result = pc.CausalPosterior.load(folder / "result.zip")
    save(pc.plot_strengths(result, most=8), "asia-strengths")
    save(pc.plot_mechanism(result, "dysp"), "asia-mechanism")
    save(pc.plot_evidence(result, "smoke", "bronc").figure, "asia-evidence")
    save(pc.plot_mechanism(greenhouse(), "growth"), "greenhouse-mechanism")
    explored(folder / "report.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
