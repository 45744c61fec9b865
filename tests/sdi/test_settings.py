"""Settings check themselves, and say which one is wrong."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from functools import partial

import numpy as np
import pytest
import torch

from pyrocausal.copies.refitting import Descent, Refitting
from pyrocausal.data.kinds import Categorical, Continuous
from pyrocausal.sdi.algorithm import SDI
from pyrocausal.sdi.credit import acyclicity, sparsity
from pyrocausal.sdi.settings import CreditAssignment, GraphFitting, GraphScoring, Stopping, describe
from pyrocausal.search.settings import Settling

ALL = [GraphFitting, GraphScoring, CreditAssignment, Stopping, Descent, Refitting, Settling]
DESCENT = Descent(steps=9, rows=9, learning_rate=0.1)  # which has no defaults


def make(settings, **changes):
    return dataclasses.replace(DESCENT if settings is Descent else settings(), **changes)


@pytest.mark.parametrize(
    ("settings", "name", "least"),
    [
        (GraphFitting, "rows", 1),
        (GraphFitting, "every", 1),
        (GraphFitting, "warm_up", 0),
        (GraphFitting, "steps", 0),
        (GraphFitting, "toggles", 0),
        (GraphScoring, "graphs", 2),
        (GraphScoring, "rows", 1),
        (GraphScoring, "work", 1),
        (GraphScoring, "target_graphs", 1),
        (GraphScoring, "target_rows", 1),
        (Stopping, "patience", 1),
        (Stopping, "max_steps", 1),
        (Descent, "steps", 0),
        (Descent, "rows", 1),
        (Refitting, "least_regret", 0),
        (Settling, "proposal", 1),
        (Settling, "rounds", 0),
        (Settling, "price", 0),
        (Settling, "final_steps", 0),
    ],
)
def test_least_values(settings, name, least):
    assert getattr(make(settings, **{name: least}), name) == least
    called = f"{settings.__name__}.{name}"
    with pytest.raises(ValueError, match=re.escape(f"{called} must be at least {least}, got {least - 1!r}")):
        make(settings, **{name: least - 1})
    for bad in (float("nan"), float("inf"), "x", True, None):
        with pytest.raises((TypeError, ValueError), match=re.escape(f"{called} must be ")):
            make(settings, **{name: bad})


@pytest.mark.parametrize("settings", ALL)
def test_every_setting_checks_itself(settings):
    """No field takes just anything."""
    for field in dataclasses.fields(settings):
        with pytest.raises((TypeError, ValueError), match=re.escape(f"{settings.__name__}.{field.name} must be ")):
            make(settings, **{field.name: object()})


@pytest.mark.parametrize(
    ("settings", "name", "good", "bad", "interval"),
    [
        (GraphFitting, "held_out", (0.0, 0.999), (-0.1, 1.0, float("nan")), "[0, 1)"),
        (GraphFitting, "certainty", (0.0, 1.0), (-0.1, 1.1, float("nan")), "[0, 1]"),
        (GraphScoring, "memory", (0.0, 0.999), (-0.1, 1.0, float("nan")), "[0, 1)"),
        (Settling, "certainty", (0.0, 1.0), (-0.1, 1.1, float("nan")), "[0, 1]"),
        (Stopping, "tolerance", (1e-9, 0.49), (0.0, 0.5, -1.0, float("nan")), "(0, 0.5)"),
    ],
)
def test_intervals(settings, name, good, bad, interval):
    for value in good:
        assert getattr(settings(**{name: value}), name) == value
    for value in bad:
        message = f"{settings.__name__}.{name} must be in {interval}, got {value!r}"
        with pytest.raises(ValueError, match=re.escape(message)):
            settings(**{name: value})


def test_weights_of_regularisers():
    assert CreditAssignment(regularisers={}).regularisers == {}
    assert CreditAssignment(regularisers={sparsity: 0.0}).regularisers == {sparsity: 0.0}
    for bad in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=f"the weight of regulariser acyclicity must be at least 0, got {bad}"):
            CreditAssignment(regularisers={sparsity: 0.1, acyclicity: bad})
    with pytest.raises(ValueError, match="the weight of regulariser sparsity"):
        CreditAssignment(regularisers={partial(sparsity): -1.0})
    with pytest.raises(TypeError, match=r"a key of CreditAssignment\.regularisers must be a function, got 'sparsity'"):
        CreditAssignment(regularisers={"sparsity": 1})


@pytest.mark.parametrize("settings", ALL)
def test_frozen_and_independent(settings):
    one, other = make(settings), make(settings)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, dataclasses.fields(one)[0].name, None)
    assert one == other
    for field in dataclasses.fields(one):
        value = getattr(one, field.name)
        assert not isinstance(value, dict) or value is not getattr(other, field.name)


@pytest.mark.parametrize("settings", [GraphFitting, CreditAssignment])
def test_optimisers_make_an_optimiser_of_the_parameters_given(settings):
    parameter = torch.nn.Parameter(torch.ones(2))
    optimiser = settings().optimiser([parameter])
    assert isinstance(optimiser, torch.optim.Optimizer)
    parameter.sum().backward()
    optimiser.step()
    assert (parameter != 1.0).all()


def test_parts_must_be_what_they_are_called():
    with pytest.raises(TypeError, match=r"GraphScoring\.target_rule must be a function, got 'greatest'"):
        GraphScoring(target_rule="greatest")
    with pytest.raises(TypeError, match=r"CreditAssignment\.estimator must be a function"):
        CreditAssignment(estimator="leave_one_out")
    with pytest.raises(TypeError, match=r"SDI\.fitting must be a GraphFitting"):
        SDI(fitting=GraphScoring())


def test_descent():
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=rf"Descent\.learning_rate must be positive, got {bad}"):
            make(Descent, learning_rate=bad)
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=rf"Descent\.last must be in \[0, 1\], got {bad}"):
            make(Descent, last=bad)
    for wrong in ((0.9,), (0.9, 1.0), (-0.1, 0.9), (0.9, 0.9, 0.9)):
        with pytest.raises(ValueError, match=r"Descent\.memory must be (two numbers|in \[0, 1\)), got "):
            make(Descent, memory=wrong)
    for name in ("steps", "rows"):
        with pytest.raises(TypeError, match=rf"Descent\.{name} must be a whole number, got 2\.5"):
            make(Descent, **{name: 2.5})


def test_refitting():
    for name in ("categorical", "continuous"):
        with pytest.raises(TypeError, match=rf"Refitting\.{name} must be a Descent, got 60"):
            Refitting(**{name: 60})
    assert Refitting(decays=(0.0,)).decays == (0.0,)
    for bad in ((), (0.1, -0.1), (float("nan"),)):
        with pytest.raises(ValueError, match=r"Refitting\.decays must be (numbers of )?at least 0, got "):
            Refitting(decays=bad)
    one, other = Descent(3, 5, 0.1), Descent(7, 11, 0.2)
    refitting = Refitting(one, other)
    assert (refitting.descent(Categorical((0, 1))), refitting.descent(Continuous(0.0, 1.0))) == (one, other)


def test_settling_needs_an_estimate():
    assert Settling(refitting=None).closed_form
    assert Settling(closed_form=False).refitting == Refitting()
    with pytest.raises(ValueError, match="Settling needs refitting, closed_form or both"):
        Settling(refitting=None, closed_form=False)


def test_only_the_published_preset_holds_nothing_out():
    assert SDI().fitting.held_out == 0.2
    assert SDI.paper().fitting.held_out == 0.0


def test_settings_can_be_written_down():
    found = describe({"algorithm": SDI.paper(), "settling": Settling(refitting=None), "none": None})
    assert json.loads(json.dumps(found)) == found
    assert found["algorithm"]["mechanisms"] == "NeuralMechanisms"
    assert found["algorithm"]["credit"]["estimator"] == "self_normalised(rows=1.0)"
    assert found["algorithm"]["fitting"]["optimiser"].startswith("Adam(lr=")
    assert found["algorithm"]["credit"]["regularisers"] == {"sparsity": 0.008, "acyclicity": 10.0}
    assert found["settling"]["refitting"] is None and found["settling"]["draft"]["memory"] == [0.9, 0.99]
    odd = {"count": np.int64(3), "share": np.float64(0.5), "made": torch.nn.Identity(), "kind": torch.nn.Identity}
    assert describe(odd) == {"count": 3, "share": 0.5, "made": "Identity", "kind": "Identity"}
