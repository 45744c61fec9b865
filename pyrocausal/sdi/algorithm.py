"""Structure discovery from interventions: the three phases, repeated until every belief is near 0 or 1.

1. *Graph fitting.* Mechanisms maximise the log-likelihood of observational rows under graphs sampled from the beliefs.
2. *Graph scoring.* For each regime predict the target, then score sampled graphs on the regime's rows with the target
   intervened on and its own term masked.
3. *Credit assignment.* The scores become a score-function gradient of the beliefs, beside regularisers.

`SDI.init` makes a state, `SDI.step` runs one round, `SDI.run` repeats it to the end. `SDI()` is what we found to work
best; `SDI.paper()` is the published algorithm, in the numbers of `pyrocausal.sdi.published`.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075.
.. [2] P. Lippe et al., "Efficient Neural Causal Discovery without Acyclicity Constraints", arXiv:2107.10483.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyro
import torch

from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.data.missing import any_missing
from pyrocausal.model.causal_model import CausalModel
from pyrocausal.model.edge_beliefs import EdgeBeliefs, IndependentBeliefs, OrientedBeliefs
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.model.per_variable import PerVariable
from pyrocausal.runtime.checked_settings import check_settings, function, of_type
from pyrocausal.runtime.interruption import Interrupted, checkpoint
from pyrocausal.sdi import credit_assignment, graph_fitting, graph_scoring, published
from pyrocausal.sdi.resuming import keep_step, taken_up
from pyrocausal.sdi.row_split import leaves_observational_range, split_rows
from pyrocausal.sdi.settings import CreditAssignment, GraphFitting, GraphScoring, Stopping
from pyrocausal.sdi.state import Info, State
from pyrocausal.sdi.stopping import conclude
from pyrocausal.sdi.target_prior import TargetPrior, with_certain_targets
from pyrocausal.sdi.targets import greatest_drop, known_targets, posterior_of, with_known_targets

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

    Examples
    --------
    Going on from the example of `discover`:

    >>> algorithm = pc.SDI(credit=pc.CreditAssignment(estimator=pc.credit.leave_one_out))
    >>> state = algorithm.init(data)
    >>> state, info = algorithm.step(state)
    >>> info.step, tuple(info.edge_probability.shape)
    (1, (3, 3))
    """

    mechanisms: Callable[..., Mechanisms] = NeuralMechanisms
    beliefs: Callable[[torch.Tensor], EdgeBeliefs] = OrientedBeliefs
    fitting: GraphFitting = field(default_factory=GraphFitting)
    scoring: GraphScoring = field(default_factory=GraphScoring)
    credit: CreditAssignment = field(default_factory=CreditAssignment)
    stopping: Stopping = field(default_factory=Stopping)

    def __post_init__(self) -> None:
        check_settings(
            self, mechanisms=function(), beliefs=function(), fitting=of_type(GraphFitting),
            scoring=of_type(GraphScoring), credit=of_type(CreditAssignment), stopping=of_type(Stopping),
        )  # fmt: skip

    @classmethod
    def paper(cls, max_steps: int = published.STOPPING.max_steps) -> SDI:
        """The algorithm as published: independent beliefs, greatest drop, self-normalised credit (Ke et al. 2019).

        `pyrocausal.sdi.published` has its numbers, and says why they are these. A fit ends where every belief is within
        0.02 of 0 or 1; on three variables that takes a few hundred steps.

        Parameters
        ----------
        max_steps
            Steps after which a fit ends with a warning if it has not settled.
        """
        return cls(
            beliefs=IndependentBeliefs,
            fitting=published.FITTING,
            scoring=published.SCORING,
            credit=published.CREDIT,
            stopping=replace(published.STOPPING, max_steps=max_steps),
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
            What is believed of unknown targets; default one or none here, all equally likely, and settling asks.

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
        data, target_prior = with_certain_targets(data, target_prior)
        device = data.observational.device
        constraints = (knowledge or Knowledge()).apart(data.exposures, data.names, data.covariates).compile(data.names)
        beliefs = self.beliefs(constraints.fixed)
        named = (data.names,) if isinstance(self.mechanisms, PerVariable) else ()
        mechanisms = self.mechanisms(data.kinds, *named)
        _check_missing(data, mechanisms)
        model = CausalModel(data.names, data.kinds, mechanisms, beliefs).to(device)
        share = self.fitting.regime_rows
        share = leaves_observational_range(data) if share is None else share
        known, hit = known_targets(data.names, [regime.targets for regime in data.regimes])
        self._check_rule(data, target_prior)
        regimes = {regime.name: regime.targets for regime in data.regimes}
        prior = (target_prior or TargetPrior()).compile(data.names, regimes, data.aside)
        R, d = hit.shape
        split = split_rows(data, share, self.fitting.held_out)
        telling = min(self.scoring.rows, max(1, self.scoring.target_rows // R))
        target_rows = tuple(graph_scoring.subsample(part, telling) for part in split.scoring)
        return State(
            data=data,
            constraints=constraints,
            model=model,
            mechanism_optimiser=self.fitting.optimiser(model.mechanisms.parameters()),
            belief_optimiser=self.credit.optimiser(model.beliefs.parameters()),
            new_mechanisms=NewMechanisms(data.kinds, *zip(*target_rows, strict=True), common=data.parts[0]),
            known=known.to(device),
            hit=hit.to(device),
            prior=prior._replace(log_odds=prior.log_odds.to(device)),
            split=split,
            target_rows=target_rows,
            likelihood=torch.zeros(2, R + 1, d, device=device),
            target_probability=_first_belief(known, hit, prior.several).to(device),
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
        with pyro.validation_enabled(False):  # checks of distributions and traces double the cost of a site
            if state.step % self.fitting.every == 0:
                state = self.fit_mechanisms(state, self.fitting.steps if state.step else self.fitting.warm_up)
                if state.step == 0 and bool((state.split.origin < len(state.data.regimes)).any()):
                    state = self.fit_mechanisms(self.predict_targets(state), self.fitting.warm_up)
                state = self.predict_targets(state)
            graphs, scores = self.score(state)
            gradient_norm = self.assign_credit(state, graphs, scores)
        return conclude(state, self.stopping, gradient_norm)

    def fit_mechanisms(self, state: State, steps: int) -> State:
        """Phase 1, with this algorithm's settings: see `pyrocausal.sdi.graph_fitting.fit_mechanisms`."""
        return graph_fitting.fit_mechanisms(state, self.fitting, steps)

    def predict_targets(self, state: State) -> State:
        """Phase 2a, likewise: see `pyrocausal.sdi.graph_scoring.predict_targets`."""
        return graph_scoring.predict_targets(state, self.scoring)

    def score(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        """Phase 2b, likewise: see `pyrocausal.sdi.graph_scoring.score`."""
        return graph_scoring.score(state, self.scoring)

    def assign_credit(self, state: State, graphs: torch.Tensor, scores: torch.Tensor) -> float:
        """Phase 3, likewise: see `pyrocausal.sdi.credit_assignment.assign_credit`."""
        return credit_assignment.assign_credit(state, self.credit, graphs, scores)

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
            What is believed of unknown targets; default one or none here, all equally likely, and settling asks.
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
        tell = on_info or (lambda info: None)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            state, info = taken_up(self.init(data, knowledge, target_prior), tell)
            while not (info and info.settled) and state.step < self.stopping.max_steps:
                try:
                    checkpoint()
                    state, info = self.step(state)
                except Interrupted:  # mechanisms may be fitted a little further than in the last step, beliefs are not
                    if not state.step:
                        raise
                    break
                tell(info)
                keep_step(state, info, last=info.settled or state.step == self.stopping.max_steps)
        assert info is not None  # max_steps is at least 1
        if not info.settled:
            warnings.warn(
                f"the beliefs have not settled after {state.step} steps (confidence {info.confidence:.3f}); "
                "raise max_steps, or read the edges between 0 and 1 as undecided",
                RuntimeWarning,
                stacklevel=2,
            )
        return state, info

    def begin(
        self,
        data: InterventionalData,
        *,
        seed: int = 0,
        knowledge: Knowledge | None = None,
        target_prior: TargetPrior | None = None,
    ) -> tuple[State, Info]:
        """As `run`, but for the three phases: nothing is fitted, and beliefs are those that everything begins with.

        For settling that begins in closed form, where variables are so many that a step of the phases takes longer.
        """
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return conclude(self.init(data, knowledge, target_prior), self.stopping, math.nan)

    @property
    def takes_target_prior(self) -> bool:
        """Whether the target rule takes what is believed of targets beforehand; the published one does not."""
        return self.scoring.target_rule is not greatest_drop

    def _check_rule(self, data: InterventionalData, prior: TargetPrior | None) -> None:
        """Complain of what the published target rule does not take."""
        if self.takes_target_prior:
            return
        if prior and (prior.several or prior.probability):
            raise ValueError("the target rule greatest_drop takes no prior of targets; choose bayes_factor")
        if data.exposures:
            raise ValueError(
                f"the target rule greatest_drop takes no exposure, such as {data.exposures[0]!r}; choose bayes_factor"
            )


def _first_belief(known: torch.Tensor, hit: torch.Tensor, several: bool) -> torch.Tensor:
    """Posterior over targets before anything is fitted, with those that are certain beside others: [R, d + 1]."""
    R, d = hit.shape
    open_ = posterior_of(torch.zeros(R, d).masked_fill(hit, -torch.inf), several)
    partly = hit.any(1, keepdim=True) & ~known[:, None]
    nothing = torch.full((R, d + 1), 0.5 if several else 1 / (d + 1))
    return torch.where(partly, with_known_targets(open_, known, hit), nothing)


def _check_missing(data: InterventionalData, mechanisms: Mechanisms) -> None:
    """Complain of missing values that mechanisms do not take."""
    if any_missing(data.kinds) and not mechanisms.takes_missing:
        name = next(name for name, kind in zip(data.names, data.kinds, strict=True) if kind.missing)
        raise ValueError(
            f"variable {name!r} has missing values, which {type(mechanisms).__name__} does not take; impute them, "
            "or take NeuralMechanisms"
        )
