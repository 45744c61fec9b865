"""A result as one HTML page, or as a folder: tables, pictures, pages that explain them, and the fitted programs."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from pyrocausal.checks.findings import Diagnosis
from pyrocausal.posterior.causal_posterior import CausalPosterior
from pyrocausal.report.document import Code, Heading, Items, Mono, Part, Text, pictures_of, to_html, to_markdown
from pyrocausal.report.effect_section import AskedEffects, ask_effects
from pyrocausal.report.sections import contents
from pyrocausal.runtime.whole_files import check_writable, write_bytes, write_text

__all__ = ["SAVED", "WRITTEN", "save_results", "write_html", "write_report"]

SAVED = "result.zip"
WRITTEN = SAVED, "edges.csv", "targets.csv", "effects.csv", "report.html", "report.md"  # beside pictures

TITLE = "What causes what"
EFFECTS = ": what would happen if variables were set, with intervals of 90 %, all that was asked for this report"


def write_html(result: CausalPosterior, path: str | PathLike[str], *, diagnosis: Diagnosis | None = None) -> Path:
    """What `CausalPosterior.report` does."""
    page = Path(path)
    if page.is_dir():
        raise ValueError(f"path: {page} is a directory; name a file, such as {page / 'report.html'}")
    if not page.parent.is_dir():  # complain before the work
        raise FileNotFoundError(f"path: no such directory: {page.parent}")
    check_writable(page.parent)
    write_text(page, to_html(TITLE, contents(result, diagnosis)))
    return page


def write_report(
    result: CausalPosterior,
    directory: str | PathLike[str],
    *,
    diagnosis: Diagnosis | None = None,
    shell: bool = False,
) -> Path:
    """Write tables, pictures, the fitted programs and pages about them.

    The files are `report.html`, which holds everything that is to be read; the same as `report.md` with the
    pictures `graph.png`, `strengths.png`, `edges.png`, `targets.png`, `effects.png`, `beliefs.png` and
    `predictions.png`; `edges.csv` (cause, effect, probability, strength, size and what that is measured as, of all
    ordered pairs), `targets.csv` (the same of all regimes and variables, and none), both the strongest first;
    `effects.csv` (see `CausalPosterior.effects`) and its picture where the graph has settled and has edges; and
    `result.zip`. Earlier ones are replaced. The tables of edges and targets and `result.zip` come first, before
    anything is asked, diagnosed and drawn.

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
    effects = ask_effects(result)
    told = _save_effects(effects, folder / "effects.csv")
    parts = [*contents(result, diagnosis, shell=shell, effects=effects), *_files(told)]
    for picture in pictures_of(parts):
        write_bytes(folder / f"{picture.name}.png", picture.png)
    write_text(folder / "report.md", to_markdown(TITLE, parts))
    page = folder / "report.html"
    write_text(page, to_html(TITLE, parts))
    return page


def save_results(result: CausalPosterior, folder: Path) -> None:
    """Write what cannot be had again without the fit: `result.zip`, `edges.csv` and `targets.csv`.

    Each is there wholly or not at all; earlier ones are replaced.

    Parameters
    ----------
    result
        What to write.
    folder
        Where to, an existing directory.

    Raises
    ------
    OSError
        If a file cannot be written, which the error names.
    """
    result.save(folder / SAVED)  # from which the others can be made again
    edges = result.edges(None)[["cause", "effect", "probability", "strength", "size", "measured as"]]
    for name, table in (("edges.csv", edges), ("targets.csv", result.target_table(None))):
        write_text(folder / name, table.to_csv(index=False, float_format="%.6g"))


def _save_effects(effects: AskedEffects | None, path: Path) -> bool:
    """Write what was asked, if anything was; else see that no earlier file stays. Whether there is one."""
    if effects is None or effects.failure:
        path.unlink(missing_ok=True)
        return False
    write_text(path, effects.table.to_csv(index=False, float_format="%.6g"))
    return True


def _files(effects: bool) -> Iterator[Part]:
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
            *([Text((Mono("effects.csv"), EFFECTS))] if effects else []),
            Text(
                (
                    Mono("result.zip"),
                    ": data and fitted programs, as JSON and arrays. It holds no code; share it as you would the data.",
                )
            ),
        )
    )
    yield Code(
        'from pyrocausal import CausalPosterior\n\nresult = CausalPosterior.load("result.zip")\n'
        "result.edges()               # probability, strength and size of edges, the strongest first\n"
        "result.target_table()        # the same of targets\n"
        "result.edge_probabilities    # labelled by effect and cause\n"
        "result.target_probabilities  # labelled by regime and variable\n"
        'result.effect("B", do={"A": "high"})  # what happens to B if A is set, draw by draw\n'
        "result.dag()                 # the settled graph, edges cause -> effect\n"
        "result.to_networkx()         # the edges above one half\n"
        "result.model                 # the fitted Pyro program"
    )
