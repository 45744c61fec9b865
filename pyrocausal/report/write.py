"""A result as one HTML page, or as a folder: tables, pictures, pages that explain them, and the fitted programs."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from pyrocausal.checks.findings import Diagnosis
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.report.document import Code, Heading, Items, Mono, Part, Picture, Text, to_html, to_markdown
from pyrocausal.report.sections import contents

__all__ = ["save_results", "write_html", "write_report"]

TITLE = "What causes what"


def write_html(result: CausalPosterior, path: str | PathLike[str], *, diagnosis: Diagnosis | None = None) -> Path:
    """What `CausalPosterior.report` does."""
    page = Path(path)
    if page.is_dir():
        raise ValueError(f"path: {page} is a directory; name a file, such as {page / 'report.html'}")
    if not page.parent.is_dir():  # complain before the work
        raise FileNotFoundError(f"path: no such directory: {page.parent}")
    page.write_text(to_html(TITLE, contents(result, diagnosis)), encoding="utf-8")
    return page


def write_report(
    result: CausalPosterior,
    directory: str | PathLike[str],
    *,
    diagnosis: Diagnosis | None = None,
    shell: bool = False,
) -> Path:
    """Write tables, pictures, the fitted programs and pages about them.

    The files are `report.html`, which holds everything that is to be read; the same as `report.md` with the pictures
    `graph.png`, `edges.png`, `targets.png`, `beliefs.png` and `predictions.png`; `edges.csv` (cause, effect,
    probability, strength, size and what that is measured as, of all ordered pairs), `targets.csv` (the same of all
    regimes and variables, and none), both the strongest first; and `model.pt`. Earlier ones are replaced. The tables
    and `model.pt` come first, before anything is diagnosed and drawn.

    Parameters
    ----------
    result
        What to report; where its data know the true graph, the report compares with it.
    directory
        Where to; made if it does not exist.
    diagnosis
        As in `CausalPosterior.report`.
    shell
        Whether advice is in the words of the command line, not of Python.

    Returns
    -------
    pathlib.Path
        Of `report.html`.

    Raises
    ------
    OSError
        If the directory cannot be made or written to.
    TypeError
        As `CausalPosterior.report`.

    Examples
    --------
    >>> write_report(result, "results")  # doctest: +SKIP
    """
    if not isinstance(result, CausalPosterior):
        raise TypeError(f"result must be a CausalPosterior, got {type(result).__name__}")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    save_results(result, folder)  # first, whatever becomes of the pages
    parts = [*contents(result, diagnosis, shell=shell), *_files()]
    for part in parts:
        if isinstance(part, Picture):
            (folder / f"{part.name}.png").write_bytes(part.png)
    (folder / "report.md").write_text(to_markdown(TITLE, parts), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(to_html(TITLE, parts), encoding="utf-8")
    return page


def save_results(result: CausalPosterior, folder: Path) -> None:
    """Write what cannot be had again without the fit: `edges.csv`, `targets.csv` and `model.pt`.

    Parameters
    ----------
    result
        What to write.
    folder
        Where to, an existing directory.
    """
    edges = result.edges(None)[["cause", "effect", "probability", "strength", "size", "measured as"]]
    edges.to_csv(folder / "edges.csv", index=False, float_format="%.6g")
    result.target_table(None).to_csv(folder / "targets.csv", index=False, float_format="%.6g")
    result.save(folder / "model.pt")


def _files() -> Iterator[Part]:
    yield Heading("Files beside this one")
    yield Items(
        (
            Text(
                (
                    Mono("edges.csv"),
                    ": probability, strength (nats per row) and size of the effect of every ordered pair of variables, "
                    "the strongest first",
                )
            ),
            Text((Mono("targets.csv"), ": the same of every variable of every regime, and the probability of none")),
            Text(
                (
                    Mono("model.pt"),
                    ": data and fitted programs. It is a Python pickle: open only files that you trust, and share it "
                    "as you would the data.",
                )
            ),
        )
    )
    yield Code(
        'from pyrocausal import CausalPosterior\n\nresult = CausalPosterior.load("model.pt")\n'
        "result.edges()               # probability, strength and size of edges, the strongest first\n"
        "result.target_table()        # the same of targets\n"
        "result.edge_probabilities    # labelled by effect and cause\n"
        "result.target_probabilities  # labelled by regime and variable\n"
        "result.dag()                 # the settled graph, edges cause -> effect\n"
        "result.to_networkx()         # the edges above one half\n"
        "result.model                 # the fitted Pyro program"
    )
