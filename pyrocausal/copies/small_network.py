"""A network that is small enough to be fitted exactly: some hidden units beside a linear map, one output.

    f(z) = a' z + sum_h v_h act(u_h' z),  z = (1, inputs)

Units saturate, or they are leaky: with a kink, or a bend of some width about it. With inner products of its Jacobian
(Gauss-Newton, or Fisher's information) a fit takes tens of steps where gradient descent takes thousands.

Vocabulary: n rows, q inputs with the constant, H hidden units, P = q + H + H q parameters.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

__all__ = ["SmallNetwork"]

LEAKY, SATURATING = 16, 28  # units; a smooth function of many inputs takes more of them
SLOPE = 0.1  # of leaky units below zero
ROWS = 1024  # at a time: as many as a processor's cache holds a Jacobian of


class SmallNetwork(NamedTuple):
    """Weights, all double, and the form of the units.

    Attributes
    ----------
    linear
        Shape [q].
    outputs
        Shape [H].
    hidden
        Shape [H, q].
    bend
        How wide the bend of leaky units is, 0 for a kink; None for units that saturate.
    """

    linear: torch.Tensor
    outputs: torch.Tensor
    hidden: torch.Tensor
    bend: float | None

    @classmethod
    def drawn(
        cls,
        inputs: int,
        bend: float | None,
        generator: torch.Generator,
        units: int | None = None,
        among: torch.Tensor | None = None,
    ) -> SmallNetwork:
        """Units at random, for inputs that are uncorrelated with variances of 1; the output is 0.

        They point anywhere among the inputs, or among columns that the inputs times `among` [q - 1, p] are.
        """
        units = units or (SATURATING if bend is None else LEAKY)
        if among is None:
            points = torch.eye(inputs - 1, dtype=torch.double)
        else:  # columns that are 0 in all rows are among nothing
            points = torch.nn.functional.normalize(among, dim=0, eps=1e-300)
        hidden = torch.randn(units, points.shape[1] + 1, generator=generator, dtype=torch.double)
        hidden[:, 0] = 2 * torch.rand(units, generator=generator, dtype=torch.double) - 1
        hidden = torch.cat([hidden[:, :1], hidden[:, 1:] @ points.t() / math.sqrt(max(points.shape[1], 1))], 1)
        return cls(hidden.new_zeros(inputs), hidden.new_zeros(units), hidden, bend)

    @classmethod
    def constant(cls, inputs: int, value: float = 0.0) -> SmallNetwork:
        """Without units."""
        linear = torch.zeros(inputs, dtype=torch.double)
        linear[0] = value
        return cls(linear, linear[:0], linear.new_zeros(0, inputs), None)

    def with_weights(self, flat: torch.Tensor) -> SmallNetwork:
        """The same with other weights [P], in the order linear, outputs, hidden."""
        (units, q), (a, v, u) = self.hidden.shape, flat.split([len(each.flatten()) for each in self[:3]])
        return self._replace(linear=a, outputs=v, hidden=u.view(units, q))

    @property
    def flat(self) -> torch.Tensor:
        """All weights, [P]."""
        return torch.cat([self.linear, self.outputs, self.hidden.flatten()])

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Output, inputs [q, n] -> [n]."""
        return self.linear @ inputs + self.outputs @ self._units(self.hidden @ inputs)

    def columns(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the output is linear in: inputs [q, n] -> [q + H, n]."""
        return torch.cat([inputs, self._units(self.hidden @ inputs)])

    def jacobian(self, inputs: torch.Tensor) -> torch.Tensor:
        """Derivatives of the output: inputs [q, n] -> [P, n]."""
        before = self.hidden @ inputs
        units = self._units(before)
        slope = self._slopes(before, units) * self.outputs[:, None]
        return torch.cat([inputs, units, (slope[:, None] * inputs).flatten(0, 1)])

    def normal_equations(
        self, inputs: torch.Tensor, weights: torch.Tensor, residuals: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Inner products of the Jacobian, and with residuals, in rows of some weights.

        Inputs [q, n], weights and residuals [n] -> [P, P] and [P], double. They are summed up in the precision of the
        inputs, and half of the symmetric ones once.
        """
        network = self._replace(**{name: getattr(self, name).to(inputs) for name in ("linear", "outputs", "hidden")})
        weights, residuals = weights.to(inputs), residuals.to(inputs)
        product = inputs.new_zeros(len(self.flat))
        square = inputs.new_zeros(len(product), len(product))
        upper, lower = slice(0, len(product) // 2), slice(len(product) // 2, len(product))
        for at in range(0, inputs.shape[1], ROWS):
            rows = slice(at, at + ROWS)
            jacobian = network.jacobian(inputs[:, rows])
            counted = jacobian * weights[rows]
            square[upper, upper].addmm_(counted[upper], jacobian[upper].t())
            square[lower].addmm_(counted[lower], jacobian.t())
            product.addmv_(counted, residuals[rows])
        square[upper, lower] = square[lower, upper].t()
        return square.double(), product.double()

    def _units(self, before: torch.Tensor) -> torch.Tensor:
        if self.bend is None:
            return before.tanh()
        if not self.bend:
            return torch.nn.functional.leaky_relu(before, SLOPE)
        return SLOPE * before + (1 - SLOPE) * self.bend * torch.nn.functional.softplus(before / self.bend)

    def moved_by(self, inputs: torch.Tensor) -> torch.Tensor:
        """How the output changes with what enters it and each unit from outside: inputs [q, n] -> [1 + H, n]."""
        before = self.hidden @ inputs
        return torch.cat([torch.ones_like(inputs[:1]), self._slopes(before, self._units(before))])

    def _slopes(self, before: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
        """Derivatives of units, from what enters them and what they give."""
        if self.bend is None:
            return 1 - units.square()
        above = (before >= 0).to(before) if not self.bend else (before / self.bend).sigmoid()
        return SLOPE + (1 - SLOPE) * above
