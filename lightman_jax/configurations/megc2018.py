"""MEGC2018's composite (Yap et al. 2018): CASME II and SAMM, objective classes I to V.

    python -m lightman_jax train --config=megc2018 --config.data.manual_dir=FOLDER
    python -m lightman_jax train --config=megc2018:holdout ...

FOLDER holds casme2/ and samm/, each as it was handed out; the objective classes of
CASME II are those of the sheet of 2019.
Protocol: composite evaluation, that is leave one subject out over both; `:holdout` is
holdout-database evaluation, that is trained on each of the two and tested on the other.
Nothing is chosen on held-out people; UF1 is the unweighted mean of the classes' F1 over
counts pooled over folds. MEGC2018 reports weighted and unweighted recall besides, which
are accuracy and UAR here.
Classes: objective_5, by action units (Davison et al. 2018):

    part        I   II  III   IV    V  clips  subjects
    CASME II   25   15   99   26   20    185        26
    SAMM       24   13   20    8    3     68        21

The counts are those of Davison et al. 2018 by their description; no sheet was counted.
A difference is listed clip by clip when the data set is built. Class V has three clips
of SAMM, so `:holdout` cannot draw a task from SAMM alone where they are of one person.
The corrections of SAMM's sheet are those of megc2019; `:uncorrected` takes it as it
stands.

`:quick`, one member, takes some 3 s a fold on two quiet cores and the default 8 to 12,
after a minute of building and compiling (CASME II's and others' replicas of full size).

Published: figures of the challenge are known to exist; we hold none that was checked.
Ours: none, for want of a copy.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.of_composite('casme2', 'samm')


def get_config(arg: str | None = None):
  """Variants: holdout, uncorrected, and those of `defaults.finish`."""
  config = defaults.licensed('megc2018', 'objective_5')
  config.data.corrections = 'samm_028_4_1_spotted,samm_032_3_1'
  return defaults.finish(config, arg, {'holdout': _holdout,
                                       'uncorrected': _uncorrected})


def _holdout(config) -> None:
  config.episodes.protocol = 'leave_one_dataset_out'


def _uncorrected(config) -> None:
  config.data.corrections = ''
