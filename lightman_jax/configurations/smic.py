"""SMIC-HS (Li et al. 2013), three classes, leave one subject out.

    python -m lightman_jax train --config=smic --config.data.manual_dir=FOLDER

Protocol: support from training subjects; fixed budget, nothing chosen on held-out
people; UF1 is the unweighted mean of the classes' F1 over counts pooled over folds.
Classes: smic_3 = negative 70, positive 51, surprise 43: 164 clips of 16 subjects. Class
and subject are names of folders; there is no sheet. No apex is annotated: it is spotted
on the frames (lightman_jax/faces/apex.py says how), unless --config.data.apex names
a table with the columns clip, apex. Other cameras and the long clips:
--config.data.name=smic_vis, smic_nir (71 clips each of 8 subjects), smic_long (157).

`:quick`, one member, takes some 3 s a fold on two quiet cores and the default 8 to 12,
after a minute of building and compiling (CASME II's and others' replicas of full size).

Published: LightmanNet, ACC 85.19 +- 0.34 and F1 83.83 +- 0.34 in per cent; its protocol
is not public, so this is no figure to compare with. The constant answer has UF1 .1994.
Of other methods by themselves on SMIC we hold no figure that was checked. Ours: none,
for want of a copy.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep


def get_config(arg: str | None = None):
  """Variants: those of `defaults.finish`."""
  config = defaults.licensed('smic', 'smic_3')
  return defaults.finish(config, arg, {})
