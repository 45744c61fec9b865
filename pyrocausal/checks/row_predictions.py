"""How well graphs predict rows that nothing was fitted to, rows of regimes that were never seen among them.

Under a graph G every variable follows its observational mechanism given its parents in G, but for the target of a
regime, which follows a new one. All of it is learned from other rows:

- observational mechanisms from the rows of a fit, one estimate or several per parent set, as for joint evidence
  (`pyrocausal.evidence.joint_evidence`); a tenth of the observational rows is kept aside to weigh the estimates. Rows
  of a variable that the fit takes for a target are left out, for all graphs alike, so that a fit's own graph is at an
  advantage where it has targets wrong;
- the target of a regime, if unknown, and its new mechanism from some rows of that regime, which are not scored. Each
  graph chooses the target that suits it best, and pays for every value all the same.

So the log-likelihood of the scored rows is that of a prediction under every graph, whatever its size, and graphs can be
compared without a price of edges. What a new mechanism predicts of more rows is the difference of its log evidence with
and without them. (For a table that is exact. The prior of a regression is in units of its rows, which leaves an error
of about a nat for all rows of a regime together.)

Vocabulary: d variables, T tables of rows to score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import torch

from pyrocausal.copies.refitting import Descent, Refitting
from pyrocausal.data.at_least import RegimeTargets
from pyrocausal.data.interventional_data import InterventionalData
from pyrocausal.data.kind import Kind
from pyrocausal.data.missing import present
from pyrocausal.data.weights import Part, total
from pyrocausal.evidence.inputs import Estimators, RowsOfEvidence, TargetKnowledge
from pyrocausal.evidence.predictive_evidence import PredictiveEvidence
from pyrocausal.evidence.terms import IMPOSSIBLE, Terms, parents_of
from pyrocausal.model.mechanisms import Mechanisms
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.model.new_mechanisms import NewMechanisms
from pyrocausal.sdi.row_split import Fold, split_rows
from pyrocausal.sdi.target_prior import TargetOdds
from pyrocausal.sdi.targets import known_targets, posterior_of

__all__ = ["REFITTING", "MakeMechanisms", "Prediction", "RowPredictor", "Table"]

MakeMechanisms: TypeAlias = Callable[[Sequence[Kind]], Mechanisms]

# Copies start anew here, not from mechanisms that a fit has trained around its own graph, so they take longer.
REFITTING = Refitting(categorical=Descent(600, 256, 1e-2))
WEIGHING = 0.1  # of the observational rows, to weigh estimates of one mechanism


class Table(NamedTuple):
    """Rows to score.

    Attributes
    ----------
    name
        The regime.
    adapting
        Rows of the same regime that tell its target and the new mechanism; not scored.
    scored
        The rows.
    targets
        Known targets, `AtLeast` where there may be others, None if unknown.
    """

    name: str
    adapting: Part
    scored: Part
    targets: RegimeTargets

    @property
    def size(self) -> float:
        """Rows that are scored, or their total weight."""
        return total(*self.scored)


class Prediction(NamedTuple):
    """What a graph predicts.

    Attributes
    ----------
    log_likelihood
        Of the scored rows, summed, nats; shape [T, d], double.
    hit
        Whether a variable is taken for a target; shape [T, d].
    """

    log_likelihood: torch.Tensor
    hit: torch.Tensor


class RowPredictor:
    """Graphs, tried on tables of rows that were not fitted. What is found of a parent set is kept.

    Parameters
    ----------
    training
        Complete rows that observational mechanisms are fitted to.
    natural
        Where a variable kept its observational mechanism in a regime of `training`, shape [R, d].
    tables
        What to score, length T.
    odds
        What is believed of unknown targets, log odds of shape [T, d].
    refitting
        How networks are fitted to parent sets; None takes closed forms alone.
    mechanisms
        Makes the networks for variables of some kinds.
    seed
        Of the networks' first weights. Torch's global random state is left as it was.
    """

    def __init__(
        self,
        training: InterventionalData,
        natural: torch.Tensor,
        tables: Sequence[Table],
        odds: TargetOdds,
        refitting: Refitting | None = REFITTING,
        mechanisms: MakeMechanisms = NeuralMechanisms,
        seed: int = 0,
    ) -> None:
        device = training.observational.device
        self.names, self.tables, self.odds = training.names, tuple(tables), odds
        self.known, self.hit = known_targets(training.names, [table.targets for table in tables])
        split = split_rows(training, share_regimes=False, held_out=WEIGHING)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made = mechanisms(training.kinds).to(device)
        if made.copies([(0, ())]) is None:  # then closed forms have to do
            refitting = None
        fitting = [*training.parts[1:], split.fitting]
        fits, origin = Part.of(fitting), Part.numbers(fitting)
        keep = torch.cat([natural, torch.ones_like(natural[:1])]).to(device)
        counts = keep[origin] & present(fits.rows)
        # The 2 T "regimes" of this evidence are the adapting and the scored part of every table. Only the last table,
        # of observational rows kept aside, tells which estimate is the better one.
        adapting, scored = [table.adapting for table in tables], [table.scored for table in tables]
        judging = [*adapting, *scored, split.held_out]
        judges = Part.of(judging)
        new = [*adapting, *(Part.of(two) for two in zip(adapting, scored, strict=True))]
        nothing = TargetKnowledge.nothing(2 * len(tables), training.d)
        fold = Fold(fits, counts, judges, Part.numbers(judging), len(judging))
        self._evidence = PredictiveEvidence(
            RowsOfEvidence(training.kinds, [fold], natural=nothing.hit, away=nothing.hit),
            nothing,
            Estimators(
                made, NewMechanisms(training.kinds, *zip(*new, strict=True), common=training.parts[0]), refitting
            ),
            price=0.0,
        )

    def prepare(self, graphs: Sequence[torch.Tensor]) -> None:
        """Fit what several graphs [d, d] need, together, which is faster than one after the other."""
        self._evidence.prepare((i, parents_of(row)) for graph in graphs for i, row in enumerate(graph))

    def predict(self, graph: torch.Tensor) -> Prediction:
        """Score a DAG [d, d] (effect, cause), boolean.

        Raises
        ------
        ValueError
            If nothing can estimate the mechanism of a variable with so many parents.
        """
        T = len(self.tables)
        terms = self._terms(graph)
        odds = (terms.new[:, :T] - terms.old[:, :T]).t() + self.odds.log_odds.double().cpu()  # [T, d]
        posterior = posterior_of(odds, self.odds.several)
        if self.odds.several:
            found = posterior[:, :-1] > 0.5
        else:
            found = torch.nn.functional.one_hot(posterior.argmax(1), posterior.shape[1])[:, :-1] > 0
        hit = torch.where(self.known[:, None], self.hit, found | self.hit)
        new = (terms.new[:, T:] - terms.new[:, :T]).t()
        return Prediction(torch.where(hit, new, terms.old[:, T:].t()), hit)

    def _terms(self, graph: torch.Tensor) -> Terms:
        """Of every variable under its parents: leading shape [d]."""
        self.prepare([graph])
        found = [self._evidence.terms(i, graph[i : i + 1]) for i in range(len(graph))]
        for name, each, row in zip(self.names, found, graph, strict=True):
            if bool((each.old < IMPOSSIBLE / 2).any()):
                raise ValueError(
                    f"refitting: a table for {name!r} given its {int(row.sum())} parents would be too large, and no "
                    "network is fitted instead; leave refitting at its default, with mechanisms that can be copied"
                )
        return Terms(*(torch.cat(part) for part in zip(*found, strict=True)))
