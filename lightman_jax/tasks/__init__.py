"""Folds over people, and the tasks that are drawn inside of one."""


def __getattr__(name: str):
  """`from_arrays`, imported when it is first used."""
  if name == 'from_arrays':
    from lightman_jax.tasks.arrays import from_arrays
    return from_arrays
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return ['from_arrays']
