"""CASME II (Yan et al. 2014), five classes, leave one subject out.

    python -m lightman_jax train --config=casme2 --config.data.manual_dir=FOLDER

Protocol: support from training subjects; fixed budget, nothing chosen on held-out
people; UF1 is the unweighted mean of the classes' F1 over counts pooled over folds.
Classes: casme2_5 = happiness 32, surprise 25, disgust 63, repression 27, others 99: 246
clips of 26 subjects under the 2014 sheet, 249 under that of 2019 (surprise 28).
`:three` is the part of MEGC2019 (145 clips of 24 subjects); `:objective` the objective
classes I to V, which stand in the 2019 sheet, or in one of their own beside that of
2014 (--config.data.sheet=2014-objective). 04/EP12_01f has no apex: it is spotted. The
cropped edition is used where it lies there. The data set has no macro-expressions: by
default a task's macro clips are its support, magnified.

`:quick`, one member, takes some 3 s a fold on two quiet cores and the default 8 to 12,
after a minute of building and compiling (CASME II's and others' replicas of full size).

Published, five classes: UF1 .80 to .81; what leaks nothing gets about .71 to .72.
LightmanNet: ACC 93.48 +- 0.42 and F1 90.49 +- 0.47 in per cent; its class set and
protocol are not public, so this is no figure to compare with. Ours: README.md, on ready
flow pictures of the three classes; on frames none, for want of a copy.
"""

import functools

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep
VARIANTS = {
    'three': functools.partial(defaults.classes, class_set='casme2_3'),
    'objective': functools.partial(defaults.classes, class_set='objective_5',
                                   sheet='2019')}


def get_config(arg: str | None = None):
  """Variants: three (MEGC's classes), objective, and those of `defaults.finish`."""
  config = defaults.licensed('casme2', 'casme2_5')
  return defaults.finish(config, arg, VARIANTS)
