"""Networks with written numbers: small presets, asia and sachs, and any discrete network in a .bif file.

Each is a family per variable: its parents, and a row of probabilities over its own states for every combination of
the parents' states, the last parent running fastest.

References
----------
Lauritzen and Spiegelhalter (1988), Local computations with probabilities on graphical structures and their
application to expert systems, J. R. Stat. Soc. B 50: asia.
Sachs et al. (2005), Causal protein-signaling networks derived from multiparameter single-cell data, Science 308:
the sachs graph; the tables for discretised data are those of the Bayesian Network Repository
(https://www.bnlearn.com/bnrepository), where asia's come from too.

Examples
--------
>>> import pyrocausal as pc
>>> len(pc.networks.load("asia").graph)
8
"""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Mapping, Sequence
from importlib import resources, util
from os import PathLike
from pathlib import Path

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike

from pyrocausal.simulate.ground_truth import GroundTruth
from pyrocausal.simulate.truth_mechanisms import TabularMechanism

__all__ = ["available", "load", "read_bif"]

Families = Mapping[str, tuple[Sequence[str], ArrayLike]]

SMALL: dict[str, Families] = {
    "chain3": {
        "X0": ((), [(0.7, 0.3)]),
        "X1": (("X0",), [(0.9, 0.1), (0.25, 0.75)]),
        "X2": (("X1",), [(0.2, 0.8), (0.85, 0.15)]),
    },
    "fork3": {
        "X0": ((), [(0.65, 0.35)]),
        "X1": (("X0",), [(0.85, 0.15), (0.2, 0.8)]),
        "X2": (("X0",), [(0.3, 0.7), (0.9, 0.1)]),
    },
    "collider3": {
        "X0": ((), [(0.7, 0.3)]),
        "X1": ((), [(0.35, 0.65)]),
        "X2": (("X0", "X1"), [(0.95, 0.05), (0.4, 0.6), (0.3, 0.7), (0.1, 0.9)]),
    },
    "confounder3": {
        "X0": ((), [(0.7, 0.3)]),
        "X1": (("X0",), [(0.85, 0.15), (0.25, 0.75)]),
        "X2": (("X0", "X1"), [(0.9, 0.1), (0.3, 0.7), (0.5, 0.5), (0.05, 0.95)]),
    },
}

# fmt: off
ASIA: Families = {
    "asia": ((), [(0.01, 0.99)]),
    "tub": (("asia",), [(0.05, 0.95), (0.01, 0.99)]),
    "smoke": ((), [(0.5, 0.5)]),
    "lung": (("smoke",), [(0.1, 0.9), (0.01, 0.99)]),
    "bronc": (("smoke",), [(0.6, 0.4), (0.3, 0.7)]),
    "either": (("tub", "lung"), [(1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0)]),
    "xray": (("either",), [(0.98, 0.02), (0.05, 0.95)]),
    "dysp": (("bronc", "either"), [(0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.1, 0.9)]),
}

SACHS: Families = {
    "Akt": (("Erk", "PKA"), [
        (0.6721176592, 0.3277794919, 0.0001028489), (0.62038586, 0.37950262, 0.00011152),
        (0.9750859107, 0.0240549828, 0.0008591065),
        (0.334950584, 0.6648697215, 0.0001796945), (0.821408184, 0.1782019687, 0.0003898473),
        (0.9483619, 0.05154733, 9.075234e-05),
        (7.682262e-05, 0.1183068, 0.8816163), (0.177105936, 0.813732581, 0.009161483),
        (0.1703412073, 0.8293963255, 0.0002624672),
    ]),
    "Erk": (("Mek", "PKA"), [
        (0.85051343, 0.13872433, 0.01076224), (0.1177122, 0.6919357, 0.1903521),
        (0.07405991, 0.70044614, 0.22549395),
        (0.3870326, 0.4836913, 0.1292761), (0.04895789, 0.72823961, 0.2228025),
        (0.003663004, 0.102564103, 0.893772894),
        (0.008682883, 0.187958884, 0.803358233), (0.001153403, 0.748558247, 0.250288351),
        (0.03333333, 0.03333333, 0.93333333),
    ]),
    "Jnk": (("PKA", "PKC"), [
        (0.2899262, 0.2457641, 0.4643097), (0.5794436587, 0.4203206035, 0.0002357379),
        (0.00456621, 0.99086758, 0.00456621),
        (0.5766701, 0.4232872, 4.271314e-05), (0.6129037, 0.3870808, 1.543138e-05),
        (0.0446898, 0.93495569, 0.02035451),
        (0.996124, 0.003806755, 6.921373e-05), (0.8623005877, 0.1368597817, 0.0008396306),
        (0.155367232, 0.84180791, 0.002824859),
    ]),
    "Mek": (("PKA", "PKC", "Raf"), [
        (0.7451772095, 0.2545984747, 0.0002243158), (0.3846008, 0.1231368, 0.4922624),
        (0.262181426, 0.001450275, 0.736368299),
        (0.7066581578, 0.2931291215, 0.0002127207), (0.2692763938, 0.7304863582, 0.0002372479),
        (0.85065617, 0.10656168, 0.04278215),
        (0.854385965, 0.143859649, 0.001754386), (0.01190476, 0.97619048, 0.01190476),
        (0.3333333, 0.3333333, 0.3333333),
        (0.7576915, 0.2422767, 3.181572e-05), (0.343172087, 0.649403298, 0.007424615),
        (0.8652899, 0.1010029, 0.0337072),
        (0.7148153, 0.2851753, 9.338376e-06), (0.27465766, 0.72002723, 0.00531511),
        (0.2814957, 0.5851161, 0.1333882),
        (0.8256463, 0.1743254, 2.831337e-05), (0.1054112554, 0.8943722944, 0.0002164502),
        (0.3333333, 0.3333333, 0.3333333),
        (0.9977281, 0.002244485, 2.737176e-05), (0.9996370895, 0.0001814553, 0.0001814553),
        (0.9361046959, 0.0007698229, 0.0631254811),
        (0.9689835575, 0.0306427504, 0.0003736921), (0.854385965, 0.143859649, 0.001754386),
        (0.498470948, 0.498470948, 0.003058104),
        (0.725950783, 0.272930649, 0.001118568), (0.006060606, 0.987878788, 0.006060606),
        (0.3333333, 0.3333333, 0.3333333),
    ]),
    "P38": (("PKA", "PKC"), [
        (0.30691159, 0.06458648, 0.62850193), (0.6558227251, 0.343941537, 0.0002357379),
        (0.86757991, 0.12785388, 0.00456621),
        (0.919186742, 0.078464036, 0.002349223), (0.8149777, 0.1850069, 1.543138e-05),
        (0.80313955, 0.19272946, 0.00413099),
        (0.80737818, 0.09163898, 0.10098283), (0.3862301, 0.1595298, 0.4542401),
        (0.765536723, 0.231638418, 0.002824859),
    ]),
    "PIP2": (("PIP3", "Plcg"), [
        (0.9967915, 0.003169817, 3.865631e-05), (0.997890295, 0.001054852, 0.001054852),
        (0.2218092, 0.4936493, 0.2845415),
        (0.9867112, 0.01326991, 1.887612e-05), (0.957165109, 0.0424454829, 0.0003894081),
        (0.07672787, 0.39110315, 0.53216898),
        (0.872401162, 0.120070734, 0.007528104), (0.52180956, 0.46245517, 0.01573528),
        (0.02641691, 0.05235351, 0.92122959),
    ]),
    "PIP3": (("Plcg",), [
        (0.218431, 0.4473238, 0.3342453), (0.07796694, 0.21120158, 0.71083148),
        (0.4237055, 0.4396535, 0.1366411),
    ]),
    "PKA": (("PKC",), [
        (0.3864255, 0.3794243, 0.2341501), (0.06039638, 0.92264651, 0.01695712),
        (0.01577014, 0.95873839, 0.02549147),
    ]),
    "PKC": ((), [(0.42313152, 0.4816392, 0.09522928)]),
    "Plcg": ((), [(0.81213356, 0.08337962, 0.10448682)]),
    "Raf": (("PKA", "PKC"), [
        (0.06232176, 0.14724878, 0.79042946), (0.3694012, 0.3312117, 0.2993871),
        (0.86757991, 0.12785388, 0.00456621),
        (0.4475056, 0.3125747, 0.2399197), (0.55082326, 0.39291391, 0.05626283),
        (0.8842572, 0.1156677, 7.510891e-05),
        (0.84288483, 0.12714563, 0.02996955), (0.74895046, 0.15952981, 0.09151973),
        (0.84180791, 0.155367232, 0.002824859),
    ]),
}
# fmt: on

SHIPPED: dict[str, tuple[Families, tuple]] = {
    **{name: (families, (0, 1)) for name, families in SMALL.items()},
    "asia": (ASIA, ("yes", "no")),
    "sachs": (SACHS, ("LOW", "AVG", "HIGH")),
}


def _build(families: Families, states: dict[str, tuple | None]) -> GroundTruth:
    graph = nx.DiGraph()
    graph.add_nodes_from(families)
    graph.add_edges_from((parent, name) for name, (parents, _) in families.items() for parent in parents)
    cards = {name: len(labels or ()) for name, labels in states.items()}
    order, mechanisms = list(families), {}
    for name, (parents, rows) in families.items():
        table = np.asarray(rows, dtype=np.float64).reshape(*(cards[parent] for parent in parents), cards[name])
        axes = sorted(range(len(parents)), key=lambda axis: order.index(parents[axis]))
        table = table.transpose(*axes, len(parents))
        mechanisms[name] = TabularMechanism(table / table.sum(-1, keepdims=True))  # published digits are rounded
    return GroundTruth(graph, dict(mechanisms), states)


def available() -> tuple[str, ...]:
    """Names of the networks that come with this library."""
    return tuple(SHIPPED)


def load(name: str) -> GroundTruth:
    """Get a network by name.

    Parameters
    ----------
    name
        One of `available()`, or of the discrete networks packaged with pgmpy (alarm, cancer, child, earthquake,
        insurance, survey and others), if pgmpy is installed.

    Raises
    ------
    ValueError
        When no network has the name, or pgmpy is needed and absent.
    """
    if name in SHIPPED:
        families, labels = SHIPPED[name]
        return _build(families, dict.fromkeys(families, labels))
    shipped = ", ".join(SHIPPED)
    if util.find_spec("pgmpy") is None:
        raise ValueError(
            f"name must be one of {shipped}; got {name!r}. "
            "More networks come with pgmpy: pip install 'pyrocausal[networks]'"
        )
    folder = resources.files("pgmpy") / "utils" / "example_models"
    files = folder.iterdir() if folder.is_dir() else ()
    packaged = {file.name.removesuffix(".bif.gz"): file for file in files if file.name.endswith(".bif.gz")}
    if name not in packaged:
        raise ValueError(f"name must be one of {shipped}, or of pgmpy's {', '.join(sorted(packaged))}; got {name!r}")
    with resources.as_file(packaged[name]) as path:
        return read_bif(path)


def read_bif(path: str | PathLike[str]) -> GroundTruth:
    """Read a discrete Bayesian network from a .bif or .bif.gz file, through pgmpy.

    Parameters
    ----------
    path
        File in the Bayesian Interchange Format.

    Raises
    ------
    ImportError
        When pgmpy is not installed.
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file's tables are no probabilities of its variables' states.
    """
    file = Path(path)
    text = gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pgmpy's own deprecations
        try:
            from pgmpy.readwrite import BIFReader
        except ImportError as error:
            raise ImportError("read_bif needs pgmpy: pip install 'pyrocausal[networks]'") from error
        model = BIFReader(string=text).get_model()
        tables = {name: model.get_cpds(name) for name in model.nodes()}
    # pgmpy: axis 0 is the variable itself, then its parents in the order of `variables`
    families = {name: (table.variables[1:], np.moveaxis(table.values, 0, -1)) for name, table in tables.items()}
    return _build(families, {name: tuple(table.state_names[name]) for name, table in tables.items()})
