"""CD6ME (Varanka et al. 2023): twelve action units, leave one data set out.

    python -m lightman_jax train --config=cd6me --config.data.manual_dir=FOLDER

FOLDER holds casme/, casme2/, samm/, mmew/, casme_cubed/ (part A) and four_dme/, each as
it was handed out. Which units act in a clip is told, not its emotion: all clips of
which the sheet names a unit count, whatever the emotion, and those of which it names
none are left out, by name. (Varanka et al. keep them as clips without a unit.)
Protocol: one data set is held out at a time, all of its people; nothing is chosen on
them. Units: 1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15 and 17, merged by side; one that too
few training people show in some fold is left out, by name. Scores: the F1 of a unit's
presence (binary), and the mean of that and the F1 of its absence (macro), of counts
pooled over data sets, averaged over units; by data set the same of its own counts, in
which a unit that nobody shows counts 0. --sweep=across trains on each data set alone.

Two rows of SAMM's sheet and four of CAS(ME)^3's break onset <= apex <= offset. So that
no clip is lost to that, this file chooses corrections by name.

The default's six folds take some thirteen minutes on one busy core, building included
(a replica of full size); `:quick`, one member of fewer steps, some minutes less.

Published, in per cent: SSSNet 40.5 binary and 68.3 macro, a constant answer 17.8
binary. Ours: none, for want of a copy.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.of_composite('casme', 'casme2', 'samm', 'mmew', 'casme_cubed',
                            'four_dme')
UNITS = '1,2,4,5,6,7,9,10,12,14,15,17'


def get_config(arg: str | None = None):
  """Variants: those of `defaults.finish`."""
  config = defaults.licensed('cd6me', 'action_units')
  config.data.corrections = (
      'samm_028_4_1_spotted,samm_032_3_1,casme_cubed_spotted')
  config.labels.update(kind='action_units', units=UNITS)
  config.episodes.protocol = 'leave_one_dataset_out'
  return defaults.finish(config, arg, {})
