"""What a report says may not be concluded."""

from __future__ import annotations

import pytest
from example_verdicts import made_result, settled_chain

from pyrocausal.report.document import Heading, Items
from pyrocausal.report.limits_section import limits_section


def said(result) -> str:
    heading, items = limits_section(result)
    assert heading == Heading("What may not be concluded") and isinstance(items, Items)
    return "\n".join("".join(map(str, text.words)) for text in items.texts)


@pytest.mark.parametrize("hit", [(4, 4, 4), (0, 4, 4), (1, 4, 4), (0, 1, 2)])
def test_arrows_that_no_experiment_has_tried_are_named(hit):
    result = made_result(settled_chain(targets=hit))
    edges, text = list(result.dag().edges), said(result)
    acted = {name for some in result.targets().values() for name in some}
    for cause, effect in edges:
        arrow = f"{cause} → {effect}"
        behind, rests = (
            any(arrow in line and word in line for line in text.splitlines()) for word in ("behind", "rests")
        )
        assert rests == (cause not in acted and effect not in acted)  # a regime at either end tells the direction
        assert behind == (cause in acted and effect not in acted)


def test_regimes_without_a_target_are_named():
    result = made_result(settled_chain(targets=(0, 1, 4)))
    none = [regime for regime, some in result.targets().items() if not some]
    assert ("No target was found" in said(result)) == bool(none)
    assert "counts" not in said(result)
