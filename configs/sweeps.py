"""Families of runs, for configuration files: launch.py --sweep=NAME.

A configuration file of your own takes them over by `sweep = sweeps.sweep`.

Their content is in lightman_jax/configurations/sweeps.py.
"""

from lightman_jax.configurations.sweeps import (
  ENCODERS,
  FAMILIES,
  FEW,
  LIGHTMAN,
  METHODS,
  Variants,
  ablation,
  efficiency,
  encoders,
  few_shot,
  methods,
  noise,
  sweep,
  wrong_labels,
)

__all__ = ['ENCODERS', 'FAMILIES', 'FEW', 'LIGHTMAN', 'METHODS', 'Variants',
           'ablation', 'efficiency', 'encoders', 'few_shot', 'methods', 'noise',
           'sweep', 'wrong_labels']
