"""Structure discovery from interventions: the three phases, repeated until every belief is near 0 or 1.

1. *Graph fitting.* Mechanisms maximise the log-likelihood of observational rows under graphs sampled from the beliefs.
2. *Graph scoring.* For each regime predict the target, then score sampled graphs on the regime's rows with the target
   intervened on and its own term masked.
3. *Credit assignment.* The scores become a score-function gradient of the beliefs, beside regularisers.

`SDI.init` makes a state, `SDI.step` runs one round, `SDI.run` repeats it to the end. `SDI()` is what we found to work
best; `SDI.paper()` is the published algorithm with the published settings.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075.
.. [2] P. Lippe et al., "Efficient Neural Causal Discovery without Acyclicity Constraints", arXiv:2107.10483.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial

import pyro
import torch
from pyro import poutine

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.missing import any_missing
from pyrocausal.data.weights import Part, drawing, total
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import EdgeBeliefs, IndependentBeliefs, OrientedBeliefs
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.runtime.interruption import Interrupted, checkpoint
from pyrocausal.sdi.credit import acyclicity, self_normalised, sparsity
from pyrocausal.sdi.graph_scores import distinct_parent_sets, score_graphs, unpack
from pyrocausal.sdi.row_split import leaves_observational_range, split_rows
from pyrocausal.sdi.settings import CreditAssignment, GraphFitting, GraphScoring, Stopping
from pyrocausal.sdi.state import Info, State, confidence, natural
from pyrocausal.sdi.targets import TargetEvidence, TargetPrior, greatest_drop, known_targets, target_posterior

__all__ = ["SDI"]


@dataclass(frozen=True, kw_only=True)
class SDI:
    """The algorithm: settings of its phases and the modules it fits.

    Parameters
    ----------
    mechanisms
        Makes the functional parameters from the kinds of the variables.
    beliefs
        Makes the structural parameters from fixed edges.
    fitting, scoring, credit, stopping
        Settings of the three phases and of the end.
    """

    mechanisms: Callable[..., Mechanisms] = NeuralMechanisms
    beliefs: Callable[[torch.Tensor], EdgeBeliefs] = OrientedBeliefs
    fitting: GraphFitting = field(default_factory=GraphFitting)
    scoring: GraphScoring = field(default_factory=GraphScoring)
    credit: CreditAssignment = field(default_factory=CreditAssignment)
    stopping: Stopping = field(default_factory=Stopping)

    def __post_init__(self) -> None:
        parts = {"fitting": GraphFitting, "scoring": GraphScoring, "credit": CreditAssignment, "stopping": Stopping}
        for name, kind in parts.items():
            if not isinstance(value := getattr(self, name), kind):
                raise TypeError(f"SDI.{name} must be a {kind.__name__}, got {value!r}")
        for name in ("mechanisms", "beliefs"):
            if not callable(value := getattr(self, name)):
                raise TypeError(f"SDI.{name} must be a class or function, got {value!r}")

    @classmethod
    def paper(cls, max_steps: int = 2000) -> SDI:
        """The algorithm as published: independent beliefs, greatest drop, self-normalised credit (Ke et al. 2019).

        Parameters
        ----------
        max_steps
            Steps after which a fit ends with a warning if it has not settled.
        """
        return cls(
            beliefs=IndependentBeliefs,
            fitting=GraphFitting(
                optimiser=partial(torch.optim.Adam, lr=5e-2, betas=(0.9, 0.999)),
                warm_up=2000,
                every=10,
                steps=50,
                toggles=0.0,
                regime_rows=False,
                held_out=0.0,
            ),
            scoring=GraphScoring(
                rows=500, work=10**9, target_rule=greatest_drop, target_graphs=100, target_rows=10**9, memory=0.0
            ),
            credit=CreditAssignment(
                # The paper leaves open how many rows a likelihood counts for. With one, sparsity of 0.1 removes real
                # edges; the released code adds up 20 scores in each weight, and there the evidence for a reversed edge
                # holds out against the penalty on 2-cycles.
                estimator=partial(self_normalised, rows=5.0),
                optimiser=partial(torch.optim.Adam, lr=5e-3, betas=(0.1, 0.999)),
                regularisers={sparsity: 0.1, acyclicity: 0.5},
            ),
            stopping=Stopping(max_steps=max_steps),
        )

    def init(
        self,
        data: InterventionalData,
        knowledge: Knowledge | None = None,
        target_prior: TargetPrior | None = None,
    ) -> State:
        """Fresh parameters, drawn from torch's global random state; the first `step` warms the mechanisms up.

        Parameters
        ----------
        data
            Observational rows and regimes.
        knowledge
            What is known of the graph; default nothing.
        target_prior
            What is believed of unknown targets; default one or none, all equally likely.

        Returns
        -------
        State
            Before the first step.

        Raises
        ------
        ValueError
            If the knowledge contradicts itself or names what is no variable (see `Knowledge.compile`), the prior names
            what is no variable or regime, the target rule is `greatest_drop`, which takes neither a prior nor
            exposures, or values are missing that the mechanisms do not take.
        """
        device = data.observational.device
        constraints = (knowledge or Knowledge()).apart(data.exposures, data.names).compile(data.names)
        beliefs = self.beliefs(constraints.fixed)
        mechanisms = self.mechanisms(data.kinds)
        if any_missing(data.kinds) and not mechanisms.takes_missing:
            name = next(name for name, kind in zip(data.names, data.kinds, strict=True) if kind.missing)
            raise ValueError(
                f"variable {name!r} has missing values, which {type(mechanisms).__name__} does not take; impute them, "
                "or take NeuralMechanisms"
            )
        model = CausalModel(data.names, data.kinds, mechanisms, beliefs).to(device)
        share = self.fitting.regime_rows
        share = leaves_observational_range(data) if share is None else share
        known, hit = known_targets(data.names, [regime.targets for regime in data.regimes])
        if target_prior not in (None, TargetPrior()) and self.scoring.target_rule is greatest_drop:
            raise ValueError("the target rule greatest_drop takes no prior of targets; choose bayes_factor")
        if data.exposures and self.scoring.target_rule is greatest_drop:
            raise ValueError(
                f"the target rule greatest_drop takes no exposure, such as {data.exposures[0]!r}; choose bayes_factor"
            )
        regimes = {regime.name: regime.targets for regime in data.regimes}
        prior = (target_prior or TargetPrior()).compile(data.names, regimes, data.exposures)
        R, d = hit.shape
        split = split_rows(data, share, self.fitting.held_out)
        telling = min(self.scoring.rows, max(1, self.scoring.target_rows // R))
        target_rows = tuple(_subsample(part, telling) for part in split.scoring_parts)
        return State(
            data=data,
            constraints=constraints,
            model=model,
            mechanism_optimiser=self.fitting.optimiser(model.mechanisms.parameters()),
            belief_optimiser=self.credit.optimiser(model.beliefs.parameters()),
            new_mechanisms=NewMechanisms(data.kinds, *zip(*target_rows, strict=True)),
            known=known.to(device),
            hit=hit.to(device),
            prior=prior._replace(log_odds=prior.log_odds.to(device)),
            split=split,
            target_rows=target_rows,
            likelihood=torch.zeros(2, R + 1, d, device=device),
            target_probability=torch.full((R, d + 1), 0.5 if prior.several else 1 / (d + 1), device=device),
            step=0,
            loss=float("nan"),
            graph=torch.zeros(d, d, dtype=torch.bool, device=device),
            unchanged=0,
        )

    def step(self, state: State) -> tuple[State, Info]:
        """One round of the three phases.

        Parameters
        ----------
        state
            Where the fit stands; its model and optimisers are updated in place.

        Returns
        -------
        tuple of State and Info
            The next state and what happened.
        """
        with _fast_pyro():
            if state.step % self.fitting.every == 0:
                state = self.fit_mechanisms(state, self.fitting.steps if state.step else self.fitting.warm_up)
                if state.step == 0 and bool((state.split.origin < len(state.data.regimes)).any()):
                    state = self.fit_mechanisms(self.predict_targets(state), self.fitting.warm_up)
                state = self.predict_targets(state)
            graphs, scores = self.score(state)
            gradient_norm = self.assign_credit(state, graphs, scores)
        return self._conclude(state, gradient_norm)

    # ------------------------------------------------------------------ phase 1
    def fit_mechanisms(
        self,
        state: State,
        steps: int,
        probability: torch.Tensor | None = None,
        schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
        unchanged: torch.Tensor | None = None,
    ) -> State:
        """Phase 1: maximise the log-likelihood of rows, each under its own sampled graph.

        Rows are observational, drawn in proportion to their weights; see `pyrocausal.sdi.row_split` for when rows of
        regimes join them.

        Parameters
        ----------
        state
            Where the fit stands.
        steps
            Gradient steps.
        probability
            Of every edge in the graphs that are drawn, shape [d, d]; None: the beliefs, with some edges toggled.
        schedule
            Stepped after every gradient step.
        unchanged
            Where rows of a regime come from a variable's natural mechanism, shape [R, d]; None: as the targets are
            believed, see `natural`.

        Returns
        -------
        State
            With the last loss.
        """
        model, loss = state.model, torch.tensor(state.loss)
        rows, origin = state.split.fitting, state.split.origin
        masked = bool((origin < len(state.data.regimes)).any())
        if unchanged is None:
            unchanged = natural(state.target_probability, self.fitting.certainty, state.prior.several)
        keep = torch.cat([unchanged, torch.ones_like(unchanged[:1])])  # [R + 1, d]
        if probability is None:
            probability = toggled(model.beliefs.edge_probability.detach(), model.beliefs.free, self.fitting.toggles)
        draw = drawing(len(rows), state.split.weights, rows.device)
        for _ in range(steps):
            checkpoint()
            chosen = draw(self.fitting.rows)
            batch, counts = rows[chosen], keep[origin[chosen]]  # [n, d] each
            edges = (torch.rand(len(batch), *probability.shape, device=rows.device) < probability).to(rows.dtype)
            given = pyro.condition(model.together, {"edges": edges})
            trace = poutine.trace(given).get_trace(batch, counts if masked else None)
            trace.compute_log_prob(lambda name, site: name != "edges")
            blocks = [site["log_prob_sum"] for name, site in trace.nodes.items() if name.startswith("block_")]
            loss = -torch.stack(blocks).sum() / len(batch)
            state.mechanism_optimiser.zero_grad()
            loss.backward()
            state.mechanism_optimiser.step()
            if schedule is not None:
                schedule.step()
        return replace(state, loss=float(loss.detach()))

    # ------------------------------------------------------------------ phase 2
    def predict_targets(self, state: State) -> State:
        """Phase 2a: update the evidence on targets, and their posterior, with a few sampled graphs.

        It follows every refit; between refits only the beliefs move, and slowly. The same rows serve every time, and
        the new mechanisms they are compared with.

        Parameters
        ----------
        state
            Where the fit stands.

        Returns
        -------
        State
            With `likelihood` and `target_probability` updated.
        """
        graphs = self._sample_graphs(state, self.scoring.target_graphs)
        parts = [*state.target_rows, _subsample(state.data.parts[0], self.scoring.rows)]
        rows, weights = [part.rows for part in parts], [part.weights for part in parts]
        nobody = torch.zeros(len(rows), graphs.shape[-1], dtype=torch.bool, device=graphs.device)
        packed, place = distinct_parent_sets(graphs)
        scores = unpack(score_graphs(state.model, rows, packed, nobody, weights), place)  # [K, R + 1, d]
        sizes = torch.tensor([total(*part) for part in parts], device=graphs.device)[:, None]
        averaged = (scores * sizes).logsumexp(0).sub(math.log(len(graphs))) / sizes
        now = torch.stack([scores.mean(0), averaged])  # [2, R + 1, d]
        memory = self.scoring.memory if state.step else 0.0
        state = replace(state, likelihood=memory * state.likelihood + (1 - memory) * now)
        return replace(state, target_probability=self._targets(state))

    def _targets(self, state: State) -> torch.Tensor:
        expected, marginal = state.likelihood
        sizes = torch.tensor([total(*part) for part in state.target_rows], device=expected.device)
        evidence = TargetEvidence(
            expected=expected[:-1],
            marginal=marginal[:-1],
            observational=expected[-1],
            new_mechanism=(state.new_mechanisms.evidence(state.graph) / sizes[:, None]).to(expected.dtype),
            rows=sizes,
            log_odds=state.prior.log_odds,
            several=state.prior.several,
        )
        return target_posterior(self.scoring.target_rule, evidence, state.known, state.hit)

    def score(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        """Phase 2b: score sampled graphs on every regime without the terms of its targets.

        Parameters
        ----------
        state
            Where the fit stands.

        Returns
        -------
        tuple of torch.Tensor
            Graphs [K, d, d] and scores [K, R, d].
        """
        graphs = self._sample_graphs(state, self.scoring.graphs)
        packed, place = distinct_parent_sets(graphs)
        rows, weights = zip(*self._rows(state, len(packed)), strict=True)
        scores = score_graphs(state.model, rows, packed, state.targets, weights)
        return graphs, unpack(scores, place)

    # ------------------------------------------------------------------ phase 3
    def assign_credit(self, state: State, graphs: torch.Tensor, scores: torch.Tensor) -> float:
        """Phase 3: one step of the structural parameters.

        Parameters
        ----------
        state
            Where the fit stands; its beliefs are updated in place.
        graphs, scores
            From phase 2, [K, d, d] and [K, R, d].

        Returns
        -------
        float
            Norm of the gradient.
        """
        beliefs, optimiser = state.model.beliefs, state.belief_optimiser
        gradient = self.credit.estimator(graphs, scores, beliefs.edge_probability.detach())  # [R, d, d]
        optimiser.zero_grad()
        beliefs.assign_credit(gradient, state.targets)
        existence = beliefs.probability(orientation=False)
        penalty = sum(weight * regulariser(existence) for regulariser, weight in self.credit.regularisers.items())
        if bool((log_odds := state.constraints.log_odds.to(existence)).any()):
            # Scores are means per row, and so is what was known before the rows.
            penalty = penalty - (existence * log_odds).sum() / sum(map(len, state.split.scoring))
        if isinstance(penalty, torch.Tensor):
            penalty.backward()
        norm = torch.stack([p.grad.norm() for p in beliefs.parameters() if p.grad is not None]).norm()
        optimiser.step()
        beliefs.confine()
        return float(norm)

    # ------------------------------------------------------------------ to the end
    def run(
        self,
        data: InterventionalData,
        *,
        seed: int = 0,
        knowledge: Knowledge | None = None,
        target_prior: TargetPrior | None = None,
        on_info: Callable[[Info], object] | None = None,
    ) -> tuple[State, Info]:
        """Repeat the three phases until the beliefs have settled.

        Torch's global random state is left as it was.

        Parameters
        ----------
        data
            Observational rows and regimes.
        seed
            Seed of everything random in this fit.
        knowledge
            What is known of the graph; default nothing.
        target_prior
            What is believed of unknown targets; default one or none, all equally likely.
        on_info
            Called with the `Info` of every step.

        Returns
        -------
        tuple of State and Info
            Of the last step that was done.

        Raises
        ------
        Interrupted
            If it is asked to stop (see `pyrocausal.runtime.interruption`) before the first step is done.

        Warns
        -----
        RuntimeWarning
            If the fit ends at `max_steps`, or because it is asked to stop, before it has settled.
        """
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            state, settled = self.init(data, knowledge, target_prior), False
            while not settled and state.step < self.stopping.max_steps:
                try:
                    checkpoint()
                    state, info = self.step(state)
                except Interrupted:  # mechanisms may be fitted a little further than in the last step, beliefs are not
                    if not state.step:
                        raise
                    break
                settled = info.settled
                if on_info is not None:
                    on_info(info)
        if not settled:
            warnings.warn(
                f"the beliefs have not settled after {state.step} steps (confidence {info.confidence:.3f}); "
                "raise max_steps, or read the edges between 0 and 1 as undecided",
                RuntimeWarning,
                stacklevel=2,
            )
        return state, info

    def _conclude(self, state: State, gradient_norm: float) -> tuple[State, Info]:
        beliefs = state.model.beliefs
        probability = beliefs.edge_probability.detach().clone()
        graph = probability > 0.5
        unchanged = state.unchanged + 1 if torch.equal(graph, state.graph) else 0
        sure = torch.maximum(probability, 1 - probability)[beliefs.free]
        decided = bool((sure >= 1 - self.stopping.tolerance).all())
        state = replace(state, step=state.step + 1, graph=graph, unchanged=unchanged)
        info = Info(
            step=state.step,
            loss=state.loss,
            edge_probability=probability,
            target_probability=state.target_probability,
            gradient_norm=gradient_norm,
            confidence=confidence(probability, beliefs.free),
            edges=int(graph.sum()),
            settled=decided and unchanged >= self.stopping.patience,
        )
        return state, info

    def _sample_graphs(self, state: State, count: int) -> torch.Tensor:
        """Graphs from the beliefs, by the model's own site: shape [count, d, d]."""
        with torch.no_grad(), pyro.plate("graphs", count, dim=-1):
            return state.model.beliefs()

    def _rows(self, state: State, graphs: int) -> list[Part]:
        """Rows of every regime, as many as the work allows for this number of graphs.

        Looking up the inputs of a row costs about as much as scoring it under five graphs.
        """
        regimes = state.split.scoring_parts
        size = min(self.scoring.rows, max(1, self.scoring.work // ((graphs + 5) * len(regimes))))
        return [_subsample(part, size) for part in regimes]


def toggled(probability: torch.Tensor, free: torch.Tensor, count: float) -> torch.Tensor:
    """Probability of an edge that is drawn, then perhaps toggled, `count` free edges of a variable on average."""
    toggle = min(0.5, count / len(probability)) * free
    return probability + toggle - 2 * probability * toggle


def _subsample(part: Part, size: int) -> Part:
    """Random rows, all of them where there are no more than `size`; from a long table some may repeat.

    Rows with weights are drawn in proportion to them, and count once each, or less where all of them count as fewer.
    """
    rows, weights = part
    if len(rows) <= size:
        return part
    if weights is not None:
        each = min(1.0, total(*part) / size)
        return Part(rows[drawing(len(rows), weights, rows.device)(size)], weights.new_full((size,), each))
    if len(rows) > 20 * size:  # a permutation of a long table costs more than the step, and repetitions are rare
        return Part(rows[torch.randint(len(rows), (size,), device=rows.device)], None)
    return Part(rows[torch.randperm(len(rows), device=rows.device)[:size]], None)


def _fast_pyro() -> AbstractContextManager[None]:
    """Pyro's checks of distributions and traces, off within the loop: they double the cost of a site."""
    return pyro.validation_enabled(False)
