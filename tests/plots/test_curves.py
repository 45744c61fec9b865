from dataclasses import replace
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
import torch
from conftest import KINDS, make_chain, make_model, small_data
from example_results import D, chain, posterior, trace
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from pyrocausal.plots.curves import FARTHEST, plot_beliefs, plot_reliability
from pyrocausal.posterior.calibration import calibration_error, reliability_curve
from pyrocausal.posterior.causal_posterior import CausalPosterior

matplotlib.use("Agg")


def axes():
    figure = Figure(figsize=(8, 5))
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def named(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_a_line_per_ordered_pair_and_chain():
    one = chain(KINDS["categorical"], 0, steps=8)
    two = chain(KINDS["categorical"], 1, steps=5)
    result = CausalPosterior(small_data(), (one, two), 0)
    ax = plot_beliefs(result, axes())
    lines = {line.get_gid(): line for line in ax.lines if str(line.get_gid()).startswith("chain")}
    rest = {each.get_gid(): each for each in ax.collections if isinstance(each, LineCollection)}
    edges = int(result.best.dag.sum())
    assert edges and len(lines) == 2 * edges and set(rest) == {"chain 0", "chain 1"}
    for c, each in enumerate((one, two)):
        segments = rest[f"chain {c}"].get_segments()
        assert len(segments) == D * (D - 1) - edges
        drawn = {tuple(segment[:, 1]) for segment in segments}
        for e, k in np.argwhere(~np.eye(D, dtype=bool)):
            belief = each.belief_logits[:, e, k].double().numpy()
            if result.best.dag[e, k]:
                line = lines[f"chain {c}: X{k} -> X{e}"]
                assert line.get_xdata().tolist() == each.trace.index.tolist()
                np.testing.assert_array_equal(line.get_ydata(), belief)
            else:
                assert tuple(belief) in drawn
    first, second = rest["chain 0"], rest["chain 1"]  # told apart by colour and by dashes
    assert tuple(first.get_color()[0]) != tuple(second.get_color()[0])
    assert first.get_linestyle() != second.get_linestyle()
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["chain 0", "chain 1", "pale: not in the settled graph"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "belief in an edge")
    ticks = {label.get_text(): place for label, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert ticks["0.5"] == 0 and ticks["0.9"] == pytest.approx(np.log(9))


def test_the_most_believed_edges_of_the_settled_graph_are_named():
    result = posterior(draws=0)
    dag, last = result.best.dag, result.best.belief_logits[-1]
    ranked = sorted(np.argwhere(dag.numpy()).tolist(), key=lambda at: -float(last[tuple(at)]))
    names = [f"X{k} -> X{e}" for e, k in ranked]
    assert len(names) > 2
    assert set(named(plot_beliefs(result, axes()))) == set(names)
    assert set(named(plot_beliefs(result, axes(), labels=2))) == set(names[:2])
    assert named(plot_beliefs(result, axes(), labels=0)) == []


def test_names_of_forty_variables_do_not_overlap():
    d, dag = 40, torch.ones(40, 40).tril(-1).bool()
    model = torch.nn.Module()
    model.beliefs = torch.nn.Module()
    model.beliefs.free = ~torch.eye(d, dtype=torch.bool)
    steps = torch.randn(8, d, d) + 6 * dag
    data = small_data((KINDS["categorical"][0],) * d, 4)
    kept = {"dag": dag, "trace": trace(8), "belief_logits": steps}
    one = make_chain(model, torch.full((d, d), 0.5), torch.zeros(3, d + 1), **kept)
    ax = plot_beliefs(CausalPosterior(data, (one,), 0), axes())
    assert len(ax.texts) == 20
    ax.figure.canvas.draw()
    places = sorted((Text.get_window_extent(text) for text in ax.texts), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in pairwise(places))


def test_edges_that_are_not_learned_have_no_line_and_certain_beliefs_are_at_the_border():
    model = make_model(KINDS["categorical"], required=[("X0", "X1")], forbidden=[("X2", "X3")])
    steps = torch.zeros(3, D, D)
    steps[-1, 2, 0] = torch.inf
    dag = torch.zeros(D, D, dtype=torch.bool)
    dag[1, 0] = dag[2, 0] = True
    one = chain(KINDS["categorical"], steps=3, draws=0, model=model, dag=dag, belief_logits=steps)
    ax = plot_beliefs(CausalPosterior(small_data(), (one,), 0), axes())
    assert named(ax) == ["X0 -> X2"]
    (line,) = [line for line in ax.lines if line.get_gid()]
    assert line.get_ydata().tolist() == [0, 0, FARTHEST]
    (rest,) = ax.collections
    assert len(rest.get_segments()) == D * (D - 1) - 3 - 1  # X0 -> X1, X1 -> X0 and X2 -> X3 are known


def test_what_beliefs_cannot_be_drawn():
    with pytest.raises(ValueError, match="labels must be at least 0, got -1"):
        plot_beliefs(posterior(), labels=-1)
    result = posterior()
    forgotten = replace(result.chains[1], belief_logits=None)
    with pytest.raises(ValueError, match="result: its chains have kept no beliefs; fit again"):
        plot_beliefs(CausalPosterior(result.data, (result.chains[0], forgotten), 0))


def test_reliability_is_drawn_with_counts_and_error():
    rng = np.random.default_rng(0)
    probability = rng.random(200) ** 2
    happened = rng.random(200) < probability
    ax = plot_reliability(probability, happened, axes(), bins=4, label="edges")
    curve = reliability_curve(probability, happened, 4)
    (line,) = [line for line in ax.lines if line.get_gid() == "reliability"]
    np.testing.assert_array_equal(line.get_xydata(), curve[["probability", "frequency"]].to_numpy())
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), line.get_xydata())
    assert named(ax) == [str(count) for count in curve["count"]]
    assert np.argmax(ax.collections[0].get_sizes()) == np.argmax(curve["count"])
    error = calibration_error(probability, happened, 4)
    (told,) = ax.get_legend().get_texts()
    assert told.get_text() == f"edges: expected calibration error {error:.3f}, n = 200"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("probability", "how often it was so")


def test_curves_of_reliability_are_told_apart():
    ax = axes()
    for _ in range(2):
        assert plot_reliability([0.2, 0.7], [0, 1], ax) is ax
    one, two = (line for line in ax.lines if line.get_gid() == "reliability")
    assert one.get_color() != two.get_color() and one.get_linestyle() != two.get_linestyle()
    assert sum(line.get_gid() == "diagonal" for line in ax.lines) == 1


@pytest.mark.parametrize(
    "probability, happened, bins, message",
    [
        ([0.5, 1.2], [0, 1], 10, r"probability must be in \[0, 1\]"),
        ([0.5], [0, 1], 10, r"probability and happened must have one shape \[n\].*\(1,\) and \(2,\)"),
        ([0.5], [1], 0, "bins must be at least 1, got 0"),
    ],
)
def test_what_reliability_cannot_be_drawn(probability, happened, bins, message):
    with pytest.raises(ValueError, match=message):
        plot_reliability(probability, happened, bins=bins)
