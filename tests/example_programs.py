"""Small programs of known parameters: of states, and linear ones."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import torch
from conftest import LinearGaussian, make_model

import pyrocausal as pc
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.queries.drawn_programs import DrawnPrograms

NAMES = ("a", "b", "c", "d")


def one(program):
    return DrawnPrograms(np.arange(1), ((program,),))


def tables(seed=0, graph=None):
    """Four variables with states, and a random program over them."""
    torch.manual_seed(seed)
    kinds = (pc.Categorical(("x", "y")), pc.Categorical((0, 1, 2)), pc.Categorical((0, 1)), pc.Categorical((0, 1, 2)))
    graph = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]) if graph is None else graph
    model = make_model(kinds)
    program = pc.Program(CausalModel(NAMES, kinds, model.mechanisms, model.beliefs), graph)
    states = np.array([*itertools.product(*(kind.states for kind in kinds))], dtype=object)
    frame = pd.DataFrame({name: states[:, j] for j, name in enumerate(NAMES)}).infer_objects()
    return program, InterventionalData.from_frames(frame, {"again": frame}, dict(zip(NAMES, kinds, strict=True)))


def linear(seed=0):
    """a -> b -> c, a -> c with slopes 1, 0.7 and 0.4 in codes; d alone. Units differ from codes."""
    kinds = (pc.Continuous(2.0, 3.0), pc.Continuous(0.0, 2.0), pc.Continuous(-1.0, 1.0), pc.Continuous(0.0, 1.0))
    mechanisms = LinearGaussian(kinds)
    with torch.no_grad():
        mechanisms.weight[1, 0], mechanisms.weight[2, 1], mechanisms.weight[2, 0] = 1.0, 0.7, 0.4
        mechanisms.log_scale.fill_(-0.5)
    model = CausalModel(NAMES, kinds, mechanisms, pc.IndependentBeliefs(fixed_edges(NAMES)))
    graph = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    program = pc.Program(model, graph)
    torch.manual_seed(seed)
    frame = program.decode(program(2000))
    return program, InterventionalData.from_frames(frame, {"again": frame}, dict(zip(NAMES, kinds, strict=True)))
