"""The facts of all data sets by name: the package's, and those a person has named."""

from collections.abc import Iterator, Mapping
import functools

from lightman_jax import registry
from lightman_jax.data.facts import Facts


class _Catalog(Mapping[str, Facts]):
  """Facts by their own name."""

  @functools.cached_property
  def _own(self) -> dict[str, Facts]:
    return {name: registry.find('data', name) for name in registry.DATA_SETS}

  def _all(self) -> dict[str, Facts]:
    return {**{facts.name: facts for facts in registry.allowed('data')}, **self._own}

  def __getitem__(self, name: str) -> Facts:
    return self._own[name] if name in self._own else self._all()[name]

  def __iter__(self) -> Iterator[str]:
    return iter({**self._own, **self._all()})

  def __len__(self) -> int:
    return len(self._all())


TABLES = _Catalog()
