"""Anyone's own clips, listed in a csv: clip, subject, label, path, and more.

    python -m lightman_jax train --config=manifest --config.data.path=FILE.csv

By default each path is one ready flow picture (u, v, strain), as the public code bases
of the field store them; `:clips` is for folders of frames and videos. The macro clips
are flow pictures of synthetic faces, made and scaled in the same way.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep


def get_config(arg: str | None = None):
  """Variants: clips (folders of frames or videos), quick (309 ready pictures of 40
  people in five folds took three minutes on two busy cores), and those of
  `defaults.finish`."""
  config = defaults.base()
  config.data.update(name='manifest', class_set='manifest', frames=1, size=28)
  config.inputs.update(kind='picture', holds='flow', centre='median')
  config.macro.update(source='synthetic')
  config.macro.data.update(frames=3, size=64)
  defaults.recognise(config)
  return defaults.finish(config, arg, {'clips': _clips})


def _clips(config) -> None:
  config.data.update(frames=9, size=64)
  config.inputs.update(kind='flow', span='apex', centre='none')
  config.macro.source = 'magnified'
