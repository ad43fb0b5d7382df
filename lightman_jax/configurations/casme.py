"""CASME (Yan et al. 2013), four classes, leave one subject out.

    python -m lightman_jax train --config=casme --config.data.manual_dir=FOLDER

Protocol: support from training subjects; fixed budget, nothing chosen on held-out
people; UF1 is the unweighted mean of the classes' F1 over counts pooled over folds.
Classes: casme_4 = tense 71, disgust 46, repression 40, surprise 21: 178 clips of 19
subjects in sheets of 197 rows; copies of the sheets hold 189 to 197, the paper 195.
`:eight` is every emotion, in which fear and contempt have two clips each.
No macro-expressions: a task's macro clips are its support, magnified.

`:quick`, one member, takes some 3 s a fold on two quiet cores and the default 8 to 12,
after a minute of building and compiling (CASME II's and others' replicas of full size).

Published: LightmanNet, ACC 87.83 +- 0.60 and F1 89.78 +- 0.59 in per cent; its class
set and protocol are not public, so this is no figure to compare with. Of other methods
on these classes we hold no figure that was checked. Ours: none, for want of a copy.
"""

import functools

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep
VARIANTS = {
    'eight': functools.partial(defaults.classes, class_set='casme_8')}


def get_config(arg: str | None = None):
  """Variants: eight (every emotion), and those of `defaults.finish`."""
  config = defaults.licensed('casme', 'casme_4')
  return defaults.finish(config, arg, VARIANTS)
