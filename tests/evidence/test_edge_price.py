"""What an edge costs where graphs are drawn: more among many variables, unless something is said of it."""

import math

import numpy as np
import pandas as pd
import pytest

import pyrocausal as pc
from pyrocausal.evidence.edge_price import drawn_edge_prices, edge_prices


def state(d, knowledge=None):
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame(rng.normal(size=(40, d)), columns=[f"X{i}" for i in range(d)]) for _ in range(2)]
    data = pc.InterventionalData.from_frames(frames[0], {"r": frames[1]})
    return pc.SDI(fitting=pc.GraphFitting(warm_up=0)).begin(data, seed=0, knowledge=knowledge)[0]


@pytest.mark.parametrize(("d", "more"), [(2, 0.0), (5, 0.0), (9, math.log(2)), (21, math.log(5))])
def test_a_variable_expects_no_more_parents_among_more_variables(d, more):
    here = state(d)
    gain = drawn_edge_prices(here, 0.5) - edge_prices(here, 0.5)
    assert gain.flatten().tolist() == pytest.approx([more] * d * d)


def test_what_is_said_of_an_edge_is_taken_as_it_is_said():
    here = state(9, pc.Knowledge(probability={("X0", "X1"): 0.1}))
    gain = drawn_edge_prices(here, 0.5) - edge_prices(here, 0.5)
    assert gain[1, 0] == 0
    assert gain[0, 1] == pytest.approx(math.log(2))
