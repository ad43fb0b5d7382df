"""MMEW (Ben et al. 2022), six classes, leave one subject out.

    python -m lightman_jax train --config=mmew --config.data.manual_dir=FOLDER

Protocol: support from training subjects; fixed budget, nothing chosen on held-out
people; UF1 is the unweighted mean of the classes' F1 over counts pooled over folds.
Classes: mmew_6 = happiness, anger, surprise, disgust, fear, sadness; `:seven` adds
others: 300 clips of 30 subjects in all. How many each emotion has is not among the
facts that we could check. The data set's 900 macro-expressions are single pictures
without a sheet, and are not read: a task's macro clips are its support, magnified.

`:quick`, one member, takes some 3 s a fold on two quiet cores and the default 8 to 12,
after a minute of building and compiling (CASME II's and others' replicas of full size).

Published: figures are known to exist; we hold none that was checked. Ours: none, for
want of a copy.
"""

import functools

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep
VARIANTS = {
    'seven': functools.partial(defaults.classes, class_set='mmew_7')}


def get_config(arg: str | None = None):
  """Variants: seven, and those of `defaults.finish`."""
  config = defaults.licensed('mmew', 'mmew_6')
  return defaults.finish(config, arg, VARIANTS)
