"""A mechanism of the user's for one variable, networks for the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from conftest import KINDS, random_graphs
from pyro import poutine
from pyro.nn import PyroModule, PyroParam, PyroSample
from torch.distributions.constraints import positive

import pyrocausal as pc
from pyrocausal.copies.refitting import Descent, Refitting, fit_copies
from pyrocausal.data.edge_constraints import fixed_edges
from pyrocausal.data.weights import Part
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.own_mechanisms import OwnMechanisms
from pyrocausal.model.per_variable import PerVariable
from pyrocausal.posterior.files import load_objects, save_objects

NAMES = ("X0", "X1", "X2", "X3")


class Curve(PyroModule):
    """X1 is normal around a X0, X0 and X1 in their units."""

    parents = ("X0",)

    def __init__(self):
        super().__init__()
        self.a = PyroSample(dist.LogNormal(0.0, 1.0))
        self.noise = PyroParam(torch.tensor(1.0), constraint=positive)

    def forward(self, x):
        return dist.Normal(self.a * x, self.noise)


def made(kinds=None, own=None, **known):
    kinds = kinds or (pc.Continuous(1.0, 2.0), pc.Continuous(3.0, 5.0), *KINDS["continuous"][2:])
    mechanisms = PerVariable(NeuralMechanisms, own or {"X1": Curve})(kinds, NAMES)
    return CausalModel(NAMES, kinds, mechanisms, pc.IndependentBeliefs(fixed_edges(NAMES, **known)))


def alone(*places):
    found = torch.zeros(4)
    found[list(places)] = 1.0
    return found


def test_its_own_parents_get_it_and_others_the_rest():
    mechanisms, rows = made().mechanisms, torch.randn(6, 4)
    own = mechanisms.conditional(1, rows, alone(0))
    torch.testing.assert_close(own.mean, ((1 + 2 * rows[:, 0]) * 1.0 - 3) / 5)  # a begins at its median
    torch.testing.assert_close(own.stddev, torch.full((6,), 0.2))
    for parents in (alone(), alone(0, 2), alone(2)):
        rest = mechanisms.rest.conditional(1, rows, parents)
        torch.testing.assert_close(mechanisms.conditional(1, rows, parents).mean, rest.mean)
    torch.testing.assert_close(
        mechanisms.conditional(0, rows, alone(1)).mean, mechanisms.rest.conditional(0, rows, alone(1)).mean
    )


def test_many_graphs_at_a_time_are_as_one_after_the_other():
    model, rows = made(), torch.randn(8, 4)
    graphs = random_graphs(4, 5)
    graphs[0] = 0.0
    graphs[0, 1, 0] = 1.0
    scores = pc.score_graphs(model, [rows], graphs, torch.zeros(1, 4, dtype=torch.bool))
    each = [pc.score_graphs(model, [rows], graph[None], torch.zeros(1, 4, dtype=torch.bool)) for graph in graphs]
    torch.testing.assert_close(scores, torch.cat(each))
    edges = graphs[torch.arange(8) % 5]
    together = poutine.trace(pyro.condition(model.together, {"edges": edges})).get_trace(rows)
    forward = poutine.trace(pyro.condition(model, {"edges": edges})).get_trace(rows, graphs="rows")
    both = [trace.log_prob_sum(lambda name, site: name != "edges" and "." not in name) for trace in (together, forward)]
    torch.testing.assert_close(*both)
    assert not pyro.get_param_store()


def test_priors_are_sites_before_any_plate_and_programs_hide_them():
    model, rows = made(), torch.randn(5, 4)
    trace = poutine.trace(model).get_trace(rows, graphs=3)
    site = trace.nodes["X1.a"]
    assert site["is_observed"] and not site["cond_indep_stack"]
    assert site["fn"].log_prob(torch.tensor(1.0)) == dist.LogNormal(0.0, 1.0).log_prob(torch.tensor(1.0))
    assert "mechanisms.of_1.a" in trace.param_nodes
    program = pc.Program(model, torch.zeros(4, 4))
    assert set(poutine.trace(program).get_trace(values=rows).observation_nodes) == set(NAMES)


def test_polish_finds_the_most_probable_parameters():
    torch.manual_seed(0)
    kinds = (pc.Continuous(0.0, 1.0),) * 4
    model = made(kinds)
    rows = torch.randn(60, 4)
    rows[:, 1] = 2.0 * rows[:, 0] + 0.3 * torch.randn(60)
    weights, graph = torch.ones(60, 4), torch.zeros(4, 4, dtype=torch.bool)
    weights[:10] = 0.0
    mechanisms = model.mechanisms
    mechanisms.polish(rows, weights, graph)
    assert mechanisms.of_1.a.item() == pytest.approx(1.0)  # this graph does not ask for it
    graph[1, 0] = True
    mechanisms.polish(rows, weights, graph)
    x, y = rows[10:, 0].double(), rows[10:, 1].double()
    grid = torch.linspace(1.8, 2.2, 4001).double()
    noise = mechanisms.of_1.noise.item()
    joint = -((y[None] - grid[:, None] * x) ** 2).sum(1) / 2 / noise**2
    joint += dist.LogNormal(0.0, 1.0).log_prob(grid)
    assert mechanisms.of_1.a.item() == pytest.approx(float(grid[joint.argmax()]), abs=1e-3)
    residual = y - mechanisms.of_1.a.item() * x
    assert noise == pytest.approx(float(residual.square().mean().sqrt()), rel=1e-3)


def test_copies_are_its_own_or_those_of_the_rest():
    torch.manual_seed(0)
    kinds = (pc.Continuous(0.0, 1.0),) * 4
    mechanisms = made(kinds).mechanisms
    rows = torch.randn(400, 4)
    rows[:, 1] = 1.7 * rows[:, 0] + 0.3 * torch.randn(400)
    families = [(1, (2,)), (1, (0,)), (3, ()), (1, (0,))]
    quick = Refitting(continuous=Descent(steps=200, rows=256, learning_rate=2e-2))
    copies = fit_copies(mechanisms, kinds, families, Part(rows), torch.ones(400, 4, dtype=torch.bool), quick, 0.0)
    assert sorted(m for block in copies.blocks(rows) for m in block.members) == [0, 1, 2, 3]
    assert copies.copy_1.a.item() == pytest.approx(1.7, abs=0.1)
    assert mechanisms.of_1.a.item() == pytest.approx(1.0)
    for block in copies.blocks(rows):
        for place, m in enumerate(block.members):
            torch.testing.assert_close(
                copies.conditional(m, rows).mean, block.conditional.mean[place], rtol=1e-4, atol=1e-5
            )
    assert copies.free_parameters > 2
    assert mechanisms.copies([(1, (0,))]).free_parameters == 2


def test_a_bootstrap_heeds_priors():
    torch.manual_seed(0)
    kinds = (pc.Continuous(0.0, 1.0),) * 4

    class Sure(Curve):
        def __init__(self):
            super().__init__()
            self.a = PyroSample(dist.LogNormal(0.0, 0.01))

    rows = torch.randn(8, 4)
    rows[:, 1] = 3 * rows[:, 0] + torch.randn(8)
    copies = made(kinds, {"X1": Sure}).mechanisms.bootstrapped((1, (0,)), rows, torch.rand(8, 5) + 0.5)
    drawn = [copies.conditional(m, torch.tensor([[1.0, 0, 0, 0]])).mean.item() for m in range(5)]
    assert max(drawn) < 1.2 and len(set(drawn)) == 5
    assert made(kinds).mechanisms.bootstrapped((1, (2,)), rows, torch.ones(8, 5)) is None


def test_it_is_saved_and_read_with_its_parameters(tmp_path):
    mechanisms = made().mechanisms
    with torch.no_grad():
        for parameter in mechanisms.parameters():
            parameter.add_(0.1)
    save_objects(mechanisms, tmp_path / "own.zip")
    with pytest.raises(ValueError, match="it holds a 'Curve', which is no class of this package"):
        load_objects(tmp_path / "own.zip", {})
    found = load_objects(tmp_path / "own.zip", {"Curve": Curve})
    assert isinstance(found, OwnMechanisms)
    for name, value in mechanisms.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    assert found.prior_sites == ("X1.a",)


class Orphan(PyroModule):
    def forward(self):
        return dist.Normal(0.0, 1.0)


class Halved(Curve):
    def __init__(self):
        super().__init__()
        self._pyro_samples["half"] = dist.LogNormal(0.0, 1.0)


@pytest.mark.parametrize(
    ("own", "error", "says"),
    [
        ([("X1", Curve)], TypeError, "own: expected mechanisms by the names of variables"),
        ({"X1": torch.nn.Linear}, TypeError, "the mechanism of 'X1' has to be a PyroModule or its class"),
        (
            {"X1": Orphan},
            TypeError,
            r"the mechanism of 'X1' has to name its parents, as parents = \('dose',\); got None",
        ),
        ({"Y": Curve}, ValueError, "own: 'Y' is no variable; variables: X0, X1, X2, X3"),
        ({"X0": Curve}, ValueError, "own: 'X0' cannot be its own parent"),
        ({"X1": Halved}, TypeError, "own: every module has an attribute 'half'; call the parameter something else"),
    ],
)
def test_what_cannot_be_a_mechanism_is_refused(own, error, says):
    with pytest.raises(error, match=says):
        made(own=own)


class Hill(PyroModule):
    parents = ("dose",)

    def __init__(self):
        super().__init__()
        self.n = PyroSample(dist.LogNormal(0.0, 1.0))
        self.ec50 = PyroSample(dist.LogNormal(0.0, 1.0))
        self.noise = PyroParam(torch.tensor(1.0), constraint=positive)

    def forward(self, dose):
        powered = dose.clamp(min=1e-3) ** self.n
        return dist.Normal(10 * powered / (self.ec50**self.n + powered), self.noise)


def test_from_a_table_to_a_mechanism_of_ones_own_an_effect_and_a_picture(tmp_path):
    rng = np.random.default_rng(0)

    def table(n, hit=None):
        dose = rng.normal(5.0, 0.3, n) if hit == "dose" else rng.gamma(2.0, 1.0, n)
        response = rng.normal(2.0, 0.5, n) if hit == "response" else 10 * dose**2 / (1.5**2 + dose**2)
        return pd.DataFrame({"dose": dose, "response": response + rng.normal(0, 0.5, n)})

    data = pc.InterventionalData.from_frames(table(800), {"a": table(200, "dose"), "b": table(200, "response")})
    algorithm = pc.SDI(mechanisms=pc.PerVariable(pc.NeuralMechanisms, {"response": Hill}))
    result = pc.discover(data, chains=1, seed=0, progress=False, algorithm=algorithm)
    assert list(result.dag().edges) == [("dose", "response")]
    fitted = result.model.mechanisms.fitted("response")
    with pytest.raises(ValueError, match="'dose' has no mechanism of its own; those that have: response"):
        result.model.mechanisms.fitted("dose")
    assert fitted.n.item() == pytest.approx(2.0, rel=0.1)
    assert fitted.ec50.item() == pytest.approx(1.5, rel=0.1)
    effect = result.effect("response", do={"dose": 3.0}, versus={"dose": 1.0}, draws=20)
    truth = 10 * (9 / (2.25 + 9) - 1 / (2.25 + 1))
    assert float(effect.mean()) == pytest.approx(truth, abs=0.2)
    result.save(tmp_path / "hill.zip")
    again = pc.CausalPosterior.load(tmp_path / "hill.zip", classes={"Hill": Hill})
    assert again.model.mechanisms.of_1.n.item() == fitted.n.item()
    assert effect.plot.hist() is not None
