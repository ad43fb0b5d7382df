"""Synthetic faces: runs anywhere, needs no data.

    python -m lightman_jax train --config=synthetic

Eight people, 18 micro- and 9 macro-expressions each, three classes; leave one subject
out; optical flow from the onset to each later frame.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep


def get_config(arg: str | None = None):
  """Variants: quick (flow to the apex alone, one member of width 8, twice the steps:
  for sweeps; a minute or two on two idle cores, computed, not measured), large
  (64-pixel inputs, width 32), and those of `defaults.finish`."""
  config = defaults.base()
  config.data.update(name='synthetic', class_set='synthetic_3', frames=5, size=64)
  defaults.recognise(config)
  config.inputs.size = 24
  config.model.skip = 12
  config.macro.clips = 6
  config.training.update(steps=45, tasks=1, checkpoint_every=15)
  return defaults.finish(config, arg, {'large': _large, 'quick': _quick})


def _large(config) -> None:
  config.inputs.size = 64
  config.model.update(width=32, temporal_width=32, temporal_depth=2, skip=16)


def _quick(config) -> None:
  config.inputs.span = 'apex'
  config.model.update(width=8, temporal_width=8)
  config.training.update(steps=90, checkpoint_every=90, members=1)
