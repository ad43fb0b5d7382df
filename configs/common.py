"""What all configurations share, for configuration files.

Configuration files take it from here or, without a checkout, from
`lightman_jax.configurations.defaults`, which has every setting with its default.
"""

from lightman_jax.configurations.defaults import (
  Change,
  base,
  classes,
  debug,
  few_shot,
  finish,
  licensed,
  meant,
  published,
  quick,
  synthetic,
)

__all__ = ['Change', 'base', 'classes', 'debug', 'few_shot', 'finish', 'licensed',
           'meant', 'published', 'quick', 'synthetic']
