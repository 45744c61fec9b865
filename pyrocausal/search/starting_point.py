"""Where to begin: at what the three phases believe of the targets, or at what observational rows alone say.

Who is believed to have been hit decides which rows fit a mechanism, and where interventions leave the observational
range such a belief holds itself up (see `pyrocausal.search.alternative_targets`). The three phases may end with many
wrong ones: with few rows their networks do not know what happens that far out, and every variable looks as if it had
been hit. So before settling takes its time, two climbs are made in closed form, each followed by new targets for a few
rounds. One begins at what the three phases believe. The other believes nothing of any target, so that observational
rows alone fit its first mechanisms. Where it comes to more joint evidence, settling begins there. Where regimes have
few rows it is made with care (`pyrocausal.search.reinsertion`), which takes time in proportion to rows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from pyrocausal.evidence.joint_evidence import JointEvidence
from pyrocausal.sdi.state import natural
from pyrocausal.search.alternative_targets import OtherTargets, least_gain
from pyrocausal.search.hill_climb import climb
from pyrocausal.search.reinsertion import reinsert

__all__ = ["better_start"]

FEW = 100  # rows of a regime that score; where there are more we have not seen a climb stray as far


def better_start(
    evidence: JointEvidence,
    dag: torch.Tensor,
    free: torch.Tensor,
    believed: torch.Tensor,
    after: Callable[[JointEvidence, torch.Tensor], JointEvidence],
    certainty: float,
    rounds: int = 4,
    max_parents: int | None = None,
) -> OtherTargets | None:
    """Look whether there is a better place to begin than where the three phases have ended.

    Parameters
    ----------
    evidence
        Joint evidence under these beliefs, in which closed forms count.
    dag
        Where both climbs begin, boolean, shape [d, d] (effect, cause).
    free
        Edges that may change, boolean, shape [d, d].
    believed
        Where a variable is believed to have kept its observational mechanism, shape [R, d].
    after
        From joint evidence and such beliefs to the same evidence under them.
    certainty
        Least probability of a target for its rows to tell, see `Settling.certainty`.
    rounds
        Rounds of a climb and new targets at the most.
    max_parents
        Parents that a variable may get; None: any number.

    Returns
    -------
    OtherTargets or None
        None where the beliefs do as well.
    """
    known = evidence.known[:, None].to(believed.device)
    nothing = known & ~evidence.hit.to(believed.device)
    if torch.equal(nothing, believed):
        return None
    few = sum(len(fold.scoring.rows) for fold in evidence.folds) < FEW * (len(known) + 1)
    found, values = [], []
    for start, ascend in ((believed, _climbed), (nothing, reinsert if few else _climbed)):
        closed, here, there = evidence.refitted(None), dag, start
        for _ in range(rounds):
            closed = after(closed, there)
            here = ascend(closed, here, free, max_parents)
            followed, there = there, natural(closed.targets(here).to(start.device), certainty, closed.prior.several)
            if torch.equal(there, followed):
                break
        values.append(closed.of(here))
        found.append(OtherTargets(here, there))
    return found[1] if values[1] - values[0] > least_gain(evidence) else None


def _climbed(evidence: JointEvidence, dag: torch.Tensor, free: torch.Tensor, max_parents: int | None) -> torch.Tensor:
    return climb(evidence, dag, free, max_parents).dag
