"""Graphs drawn from the posterior over DAGs, by a Pyro kernel on joint evidence.

The posterior of a graph is in proportion to exp of its joint evidence (`pyrocausal.evidence.joint_evidence`). A chain
walks over DAGs by adding, deleting and reversing edges. All moves from a graph are weighed at once and one is proposed
in proportion to g / (1 + g), where g is how many times more probable the graph after it is: a locally balanced
proposal, which is then accepted with the ratio of the two normalisers (Zanella 2020). Every parent set one edge away is
fitted, promising or not, for a walk has to find its way back.

Between graphs that are several improbable moves apart a chain seldom passes. Chains that begin at independent restarts
show it: where they disagree, none of them has seen all.

References
----------
G. Zanella, "Informed proposals for local MCMC in discrete spaces", 2020. D. Madigan, J. York, "Bayesian graphical
models for discrete data", 1995: structure MCMC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from pyro.infer import MCMC
from pyro.infer.mcmc.mcmc_kernel import MCMCKernel

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.evidence.terms import Terms
from pyrocausal.runtime.checked_settings import check_settings, number, whole
from pyrocausal.runtime.interruption import checkpoint, now_doing
from pyrocausal.runtime.progress import DRAWING
from pyrocausal.sdi.targets import draw_targets
from pyrocausal.search.moves import closure, look, terms_around, weigh, within

__all__ = ["GraphKernel", "Sampled", "Sampling", "sample_graphs"]


@dataclass(frozen=True)
class Sampling:
    """Settings of the draws from the posterior over graphs.

    Parameters
    ----------
    draws
        Graphs that are kept.
    warm_up
        Graphs before them.
    price
        Price of an edge in units of half the logarithm of the number of rows that score, as `Settling.price`, but
        lower: settling wants the one graph that holds beyond doubt, draws want every edge as often as it is there;
        `python -m benchmarks calibrate` measures whether it is. That is for five variables; among more of them an edge
        of which nothing is said costs log((d - 1) / 4) nats more, so that a variable expects no more parents for it.

    Raises
    ------
    TypeError
        If a number is no whole number.
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> import pyrocausal as pc
    >>> pc.Sampling(draws=500).price  # in halves of log n nats an edge
    0.5
    """

    draws: int = 1000
    warm_up: int = 200
    price: float = 0.5

    def __post_init__(self) -> None:
        check_settings(self, draws=whole(1), warm_up=whole(), price=number(0))


class Sampled(NamedTuple):
    """What a chain of graphs says.

    Attributes
    ----------
    graphs
        The draws, boolean, shape [N, d, d] (effect, cause).
    evidence
        log E of each of them, nats, shape [N].
    edge_probability
        Share of the draws with an edge, shape [d, d].
    target_probability
        Posterior over targets, averaged over the draws, shape [R, d + 1]; the last column is none.
    accepted
        Share of proposals that were accepted.
    targets
        Targets drawn from their posterior given each of the graphs, boolean, shape [N, R, d].

    Examples
    --------
    Going on from the example of `settle`:

    >>> sampled = pc.sample_graphs(settled.joint, settled.dag, ~torch.eye(3, dtype=torch.bool), draws=50, warm_up=10)
    >>> sampled.graphs.shape, sampled.targets.shape
    (torch.Size([50, 3, 3]), torch.Size([50, 3, 3]))
    """

    graphs: torch.Tensor
    evidence: torch.Tensor
    edge_probability: torch.Tensor
    target_probability: torch.Tensor
    accepted: float
    targets: torch.Tensor


class _Place(NamedTuple):
    dag: torch.Tensor  # [d, d]
    looked: dict[int, Terms]  # around it
    weights: torch.Tensor  # log weight of every move, toggles and then reversals, [2 d d]


class GraphKernel(MCMCKernel):
    """A Markov chain over DAGs whose stationary distribution is in proportion to exp of joint evidence.

    Used as any kernel of Pyro's: `MCMC(GraphKernel(evidence, dag, free), num_samples=1000)`; its samples are at
    `"edges"`, shape [d, d], 0 or 1.

    Parameters
    ----------
    evidence
        Joint evidence.
    dag
        Where to begin, boolean, shape [d, d] (effect, cause).
    free
        Edges that may change, boolean, shape [d, d].
    max_parents
        Parents that a variable may get; None: any number.

    Raises
    ------
    ValueError
        If the graph has a cycle, or edges that may change where a variable has too many parents.

    Examples
    --------
    Going on from the example of `settle`:

    >>> from pyro.infer import MCMC
    >>> free = ~torch.eye(3, dtype=torch.bool)
    >>> kernel = pc.GraphKernel(settled.joint, settled.dag, free)
    >>> chain = MCMC(kernel, num_samples=20, warmup_steps=5, disable_progbar=True)
    >>> chain.run()
    >>> tuple(next(iter(chain.get_samples().values())).shape)
    (20, 3, 3)
    """

    def __init__(
        self, evidence: JointEvidence, dag: torch.Tensor, free: torch.Tensor, max_parents: int | None = None
    ) -> None:
        super().__init__()
        self.model, self.transforms = None, None  # `MCMC` asks for them; graphs have neither
        dag, free = dag.cpu().bool(), free.cpu() & ~torch.eye(len(dag), dtype=torch.bool)
        if bool(closure(dag).diagonal().any()):
            raise ValueError("dag has a cycle; begin at a graph without one")
        if max_parents is not None and bool((dag.sum(1, keepdim=True) > max_parents).logical_and(dag & free).any()):
            raise ValueError(f"dag has a variable with more than max_parents = {max_parents} parents; drop some")
        self.evidence, self.free, self.max_parents = evidence, free, max_parents
        self.initial_params = {"edges": dag.float()}
        self.proposed, self.accepted = 0, 0
        self.made, self.of = 0, 0  # graphs, and how many there will be; 0 where nobody said
        self._place: _Place | None = None

    @property
    def initial_params(self) -> dict[str, torch.Tensor]:
        """Where a chain begins: `{"edges": [d, d]}`."""
        return self._initial

    @initial_params.setter
    def initial_params(self, params: dict[str, torch.Tensor]) -> None:
        self._initial = params

    def sample(self, params: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The next graph of the chain.

        Parameters
        ----------
        params
            The present one, `{"edges": [d, d]}`.
        """
        self.made += 1
        now_doing(DRAWING, self.made, self.of)
        checkpoint()
        dag = params["edges"].bool()
        if self._place is None or not torch.equal(self._place.dag, dag):
            self._place = self._look(dag, {}, range(len(dag)))
        here = self._place
        self.proposed += 1
        if not bool((here.weights > -torch.inf).any()):  # nothing may change
            return params
        move = int(torch.distributions.Categorical(logits=here.weights).sample())
        kind, effect, cause = (int(k) for k in torch.unravel_index(torch.tensor(move), (2, *dag.shape)))
        after, changed = dag.clone(), {effect}
        after[effect, cause] ^= True
        if kind == 1:
            after[cause, effect] ^= True
            changed.add(cause)
        there = self._look(after, here.looked, sorted(changed))
        if float(torch.rand(()).log()) < float(here.weights.logsumexp(0) - there.weights.logsumexp(0)):
            self._place = there
            self.accepted += 1
        return {"edges": self._place.dag.float()}

    def end_warmup(self) -> None:
        """Count acceptances anew."""
        self.proposed, self.accepted = 0, 0

    def diagnostics(self) -> dict[str, float]:
        """The share of proposals that were accepted, `{"acceptance rate": ...}`."""
        return {"acceptance rate": self.accepted / max(1, self.proposed)}

    def logging(self) -> dict[str, str]:
        """The same for the progress bar."""
        return {"acc. prob": f"{self.diagnostics()['acceptance rate']:.3f}"}

    def _look(self, dag: torch.Tensor, looked: dict[int, Terms], changed: Iterable[int]) -> _Place:
        may = within(self.free, dag, self.max_parents)
        looked = looked | look(self.evidence, dag, may, changed, screen=False)
        moves = weigh(self.evidence, dag, may, *terms_around(looked))
        gains = torch.stack([moves.toggle, moves.reverse]).flatten()
        return _Place(dag, looked, torch.nn.functional.logsigmoid(gains))  # log g / (1 + g)


def sample_graphs(
    evidence: JointEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    draws: int = 1000,
    warm_up: int = 200,
    *,
    seed: int = 0,
    max_parents: int | None = None,
) -> Sampled:
    """Draw graphs from the posterior over DAGs. Torch's global random state is left as it was.

    Parameters
    ----------
    evidence
        Joint evidence, at its own price of edges; `discover` asks for one at `Sampling.price`.
    dag
        Where to begin, boolean, shape [d, d] (effect, cause); best a settled graph.
    free
        Edges that may change, boolean, shape [d, d].
    draws, warm_up
        Graphs that are kept, and graphs before them.
    seed
        Of the chain's random numbers.
    max_parents
        Parents that a variable may get; None: any number.

    Returns
    -------
    Sampled

    Raises
    ------
    TypeError, ValueError
        As `GraphKernel` and `Sampling`.
    Interrupted
        If it is asked to stop, see `pyrocausal.runtime.interruption`.

    Examples
    --------
    Going on from the example of `settle`:

    >>> sampled = pc.sample_graphs(settled.joint, settled.dag, ~torch.eye(3, dtype=torch.bool), draws=50, warm_up=10)
    >>> bool(sampled.edge_probability[1, 0] > 0.9)  # X0 -> X1
    True
    """
    sampling = Sampling(draws, warm_up)
    kernel = GraphKernel(evidence, dag, free, max_parents)
    kernel.of = sampling.draws + sampling.warm_up
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        chain = MCMC(kernel, num_samples=sampling.draws, warmup_steps=sampling.warm_up, disable_progbar=True)
        chain.run()
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))  # for targets, graphs being drawn
    graphs = chain.get_samples()["edges"].bool()  # [N, d, d]
    distinct, place, counts = graphs.unique(dim=0, return_inverse=True, return_counts=True)
    value = torch.tensor([evidence.of(graph) for graph in distinct], dtype=torch.double)
    targets = torch.stack([evidence.targets(graph) for graph in distinct])  # [distinct, R, d + 1]
    share = counts.double() / len(graphs)
    hit = torch.zeros(len(graphs), targets.shape[1], targets.shape[2] - 1, dtype=torch.bool)  # [N, R, d]
    several = evidence.prior.several
    for k, count in enumerate(counts.tolist()):
        hit[place == k] = draw_targets(targets[k], evidence.known, evidence.hit, several, count, generator)
    return Sampled(
        graphs=graphs,
        evidence=value[place],
        edge_probability=graphs.float().mean(0),
        target_probability=torch.einsum("k,krt->rt", share, targets).float(),
        accepted=kernel.diagnostics()["acceptance rate"],
        targets=hit,
    )
