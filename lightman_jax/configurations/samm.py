"""SAMM (Davison et al. 2018), five classes, leave one subject out.

    python -m lightman_jax train --config=samm --config.data.manual_dir=FOLDER
    python -m lightman_jax train --config=samm:macro=samm_long ...

Protocol: support from training subjects; fixed budget, nothing chosen on held-out
people; UF1 is the unweighted mean of the classes' F1 over counts pooled over folds.
Classes: samm_5 = anger 57, happiness 26, others 26, surprise 15, contempt 12: 136
clips of 29 subjects, two by corrections alone (below). `:three` is the part
of MEGC2019, negative 92, positive 26, surprise 15 (133 of 28 subjects); `:objective`
the objective classes I to V.
Two rows of the sheet break onset <= apex <= offset, 028_4_1 and 032_3_1, and are left
out unless --config.data.corrections names what to do; see
data/sheets.py. macro=samm_long takes the macro-expressions of the same
people from SAMM Long Videos; those of a held-out person are held out, too.

`:quick`, one member, takes some 3 s a fold on two quiet cores and the default 8 to 12,
after a minute of building and compiling (CASME II's and others' replicas of full size).

Published: LightmanNet, ACC 81.83 +- 0.44 and F1 82.93 +- 0.35 in per cent; its class
set and protocol are not public, so this is no figure to compare with. The constant
answer on `:three` has UF1 .2726. Of other methods on these classes we hold no figure
that was checked. Ours: none, for want of a copy.
"""

import functools

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep
VARIANTS = {
    'three': functools.partial(defaults.classes, class_set='megc_3'),
    'objective': functools.partial(defaults.classes, class_set='objective_5')}


def get_config(arg: str | None = None):
  """Variants: three, objective, and those of `defaults.finish`."""
  config = defaults.licensed('samm', 'samm_5')
  return defaults.finish(config, arg, VARIANTS)
