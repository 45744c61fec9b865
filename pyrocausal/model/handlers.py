"""Effect handlers: what an intervention does to a causal program, and to its likelihood.

`pyro.poutine.do` *splits* a site: the children receive the intervened value, while the natural value keeps its
log-probability under the original name. An intervention whose mechanism nobody knows says nothing about the natural
mechanism of its target, so that term has to go as well: `intervene` is `do` and `mask_sites` together, the
interventional likelihood of Ke et al. (2019), section 3.3.

References
----------
.. [1] N. R. Ke et al., "Learning Neural Causal Models from Unknown Interventions", arXiv:1910.01075.
.. [2] T. Richardson, J. Robins, "Single World Intervention Graphs: A Primer", 2013.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from pyro.poutine.do_messenger import DoMessenger
from pyro.poutine.messenger import Messenger

from pyrocausal.model.intervened_values import Natural, resolved

__all__ = ["intervene", "keep_values", "mask_sites"]

NATURAL = "_natural_site_of"  # in a message: the variable that is set


class mask_sites(Messenger):
    """Drop the log-probability of named sample sites, wholly or row by row.

    `pyro.poutine.mask` masks every site in scope; this handler only the sites it names. Masks of several handlers
    combine: a term counts only where every mask keeps it.

    Parameters
    ----------
    sites
        Names whose terms are dropped altogether, or a mapping from names to boolean masks that broadcast against
        the site's log-probability. As in `pyro.poutine.mask`, True keeps a term and False drops it. Names that the
        model has no site for mask nothing.

    Raises
    ------
    TypeError
        If a mask is not boolean, or `sites` is a single string.

    Examples
    --------
    >>> import pyro, torch, pyro.distributions as dist
    >>> def model():
    ...     a = pyro.sample("a", dist.Normal(0.0, 1.0), obs=torch.tensor(3.0))
    ...     pyro.sample("b", dist.Normal(a, 1.0), obs=torch.tensor(3.0))
    >>> with mask_sites({"a"}):
    ...     trace = pyro.poutine.trace(model).get_trace()
    >>> bool(trace.log_prob_sum() == dist.Normal(3.0, 1.0).log_prob(torch.tensor(3.0)))
    True
    """

    def __init__(self, sites: Collection[str] | Mapping[str, torch.Tensor | bool]) -> None:
        super().__init__()
        if isinstance(sites, str):
            raise TypeError(f"sites must be a collection of names, got the string {sites!r}; pass {{{sites!r}}}")
        self.met: set[str] = set()
        self.masks = dict(sites) if isinstance(sites, Mapping) else dict.fromkeys(sites, False)
        for name, mask in self.masks.items():
            if not isinstance(mask, bool) and not (isinstance(mask, torch.Tensor) and mask.dtype == torch.bool):
                raise TypeError(f"the mask of site {name!r} must be boolean, got {mask!r}")

    def _pyro_sample(self, msg: Any) -> None:
        self.met.add(msg["name"])
        mask = self.masks.get(msg["name"])
        if mask is not None:
            msg["mask"] = mask if msg["mask"] is None else msg["mask"] & mask


class intervene(Messenger):
    """Intervene on sites: their children see the given values and their own likelihood terms are dropped.

    Parameters
    ----------
    values
        For each target what its children receive. In a `pyrocausal.Program` in the variable's own labels and units, in
        any other model as its sites have them:

        - a value for all rows (`"high"`, `2.5`), or one for each: a tensor, an array, a list or a pandas Series;
        - a function of the values it would have had, such as `lambda dose: dose + 1`: a tensor of numbers or counts, or
          a Series of labels;
        - a distribution that every row draws from, at the site ``<target>_do``; numbers and counts alone.
    rows
        For targets that are hit only in some rows: a boolean mask over the rows, True where the intervention
        applies. The likelihood term is dropped on those rows alone; `values` must hold the natural values elsewhere,
        as it does when a whole table is scored. Targets that are not mentioned are hit in every row.

    Raises
    ------
    TypeError
        Where the model runs, if a value is none of these.
    ValueError
        If `rows` names a site that `values` does not; where the model runs, if a value is none of the variable; on
        leaving the scope, if a model ran in it and had no site of a name in `values`.

    Examples
    --------
    >>> import pyro, torch, pyro.distributions as dist
    >>> def model():
    ...     a = pyro.sample("a", dist.Normal(torch.tensor(0.0), 1.0), obs=torch.tensor(3.0))
    ...     return a + 1
    >>> with intervene({"a": 5.0}):
    ...     model()
    tensor(6.)
    >>> with intervene({"a": lambda a: 2 * a}):
    ...     model()
    tensor(7.)
    """

    def __init__(self, values: Mapping[str, Any], rows: Mapping[str, torch.Tensor] | None = None) -> None:
        super().__init__()
        rows = {} if rows is None else rows
        for name in rows:
            if name not in values:
                raise ValueError(f"rows names the site {name!r}, which values does not intervene on")
        self._do = _Do(values)
        self._mask = mask_sites({name: ~rows[name] if name in rows else False for name in values})

    def __enter__(self) -> intervene:
        # The mask is the inner handler: it acts before `do` splits the site, so that both halves are masked.
        self._do.__enter__()
        self._mask.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._mask.__exit__(*exception)
        self._do.__exit__(*exception)
        missed = [name for name in self._mask.masks if name not in self._mask.met]
        if missed and self._mask.met and exception[0] is None:
            sites = ", ".join(sorted(self._mask.met))
            raise ValueError(
                f"values names {missed[0]!r}, but no sample site of the model is called so; sites: {sites}"
            )


class _Do(DoMessenger):
    """Pyro's `do`, whose values may depend on the natural value of the site and on the kind of its variable.

    `do` runs the natural site first and then looks for the value of the other half.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = _Values(values)
        super().__init__(self._values)

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self._values:
            # A scope outside changes what the natural site is called, and a guide that is replayed what is in `infer`,
            # but both leave this.
            msg[NATURAL] = msg["name"]
        super()._pyro_sample(msg)

    def _pyro_post_sample(self, msg: Any) -> None:
        name = str(msg.get(NATURAL, ""))
        if name in self._values and not msg["name"].endswith("__CF"):
            self._values.natural[name] = Natural.of(name, msg)


class _Values(dict[str, Any]):
    """What is given for sites, made into tensors as soon as the sites have their natural values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.natural: dict[str, Natural] = {}

    def __getitem__(self, name: str) -> Any:
        return resolved(name, super().__getitem__(name), self.natural.pop(name))


class keep_values(Messenger):
    """Give sites that are sampled the values that some rows have been told; the other rows draw theirs.

    For tables whose rows were intervened on differently, which so go through a program together. Likelihoods are left
    as they are: it is for drawing, not for scoring.

    Parameters
    ----------
    told
        For a site, where its value is told, boolean, and the values, both of shape [n].

    Examples
    --------
    >>> import pyro, torch, pyro.distributions as dist
    >>> told = torch.tensor([True, False]), torch.tensor([5.0, 0.0])
    >>> with keep_values({"a": told}):
    ...     value = pyro.sample("a", dist.Normal(torch.zeros(2), 1e-6))
    >>> [round(float(each)) for each in value]
    [5, 0]
    """

    def __init__(self, told: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> None:
        super().__init__()
        self.told = dict(told)

    def _pyro_post_sample(self, msg: Any) -> None:
        if msg["name"] in self.told:
            where, values = self.told[msg["name"]]
            msg["value"] = torch.where(where, values, msg["value"].to(values.dtype))
