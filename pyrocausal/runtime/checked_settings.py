"""Settings that check themselves when they are made: each field by a rule, in one line, with one wording of errors.

check_settings(self, rows=whole(1), held_out=number(0, below=1), optimiser=function())
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeAlias

__all__ = ["Rule", "check", "check_settings", "function", "number", "of_type", "truth", "whole"]

Rule: TypeAlias = Callable[[str, Any], None]  # takes what a value is called, and the value


def check_settings(settings: object, /, **rules: Rule) -> None:
    """Raise unless every named field of an object keeps to its rule.

    Raises
    ------
    TypeError, ValueError
        The message names the class, the field, what it must be and what it is.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> check_settings(SimpleNamespace(rows=1.5), rows=whole(1))
    Traceback (most recent call last):
    TypeError: SimpleNamespace.rows must be a whole number, got 1.5
    """
    for name, rule in rules.items():
        rule(f"{type(settings).__name__}.{name}", getattr(settings, name))


def check(name: str, value: Any, rule: Rule) -> None:
    """Raise unless a value, which is called so in messages, keeps to a rule."""
    rule(name, value)


def whole(least: int = 0, *, optional: bool = False) -> Rule:
    """A whole number of at least `least`; or None if that is allowed."""

    def rule(name: str, value: Any) -> None:
        if value is None and optional:
            return
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")

    return rule


def number(
    least: float = -math.inf,
    *,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    optional: bool = False,
) -> Rule:
    """A finite number within bounds, `least` and `most` among them, `above` and `below` not; or None if allowed."""

    def rule(name: str, value: Any) -> None:
        if value is None and optional:
            return
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, got {value!r}")
        known = float(value)
        if not (math.isfinite(known) and least <= known <= most and above < known < below):
            raise ValueError(f"{name} must be {_range(least, above, most, below)}, got {value!r}")

    return rule


def _range(least: float, above: float, most: float, below: float) -> str:
    low, high = max(least, above), min(most, below)
    if math.isinf(low) and math.isinf(high):
        return "finite"
    if math.isinf(high):
        return f"at least {low:g}" if least >= above else "positive" if above == 0 else f"above {low:g}"
    return f"in {'[' if least >= above and least > -math.inf else '('}{low:g}, {high:g}{']' if most <= below else ')'}"


def truth(*, optional: bool = False) -> Rule:
    """True or False; or None if that is allowed."""

    def rule(name: str, value: Any) -> None:
        if not isinstance(value, bool) and not (value is None and optional):
            raise TypeError(f"{name} must be True{', False or None' if optional else ' or False'}, got {value!r}")

    return rule


def function() -> Rule:
    """Something that can be called."""

    def rule(name: str, value: Any) -> None:
        if not callable(value):
            raise TypeError(f"{name} must be a function, got {value!r}")

    return rule


def of_type(*kinds: type, optional: bool = False) -> Rule:
    """An object of a class, or of one of several; or None if that is allowed."""

    def rule(name: str, value: Any) -> None:
        if not isinstance(value, kinds) and not (value is None and optional):
            wanted = " or ".join([*(kind.__name__ for kind in kinds), *["None"] * optional])
            raise TypeError(f"{name} must be a {wanted}, got {value!r}")

    return rule
