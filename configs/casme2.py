"""CASME II (Yan et al. 2014), five classes, leave one subject out.

    python launch.py --config=configs/casme2.py --config.data.manual_dir=FOLDER

happiness, surprise, disgust, repression and others: 246 clips of 26 subjects under the
2014 sheet, 249 under the 2019 one. The cropped edition is used where it lies there. The
data set has no macro-expressions: by default a task's macro clips are its support,
magnified.
"""

from configs import common


def get_config(arg: str | None = None):
  """Variants: debug, three (MEGC's classes), method=, encoder=, macro=."""
  config = common.base()
  config.data.update(name='casme2', class_set='casme2_5', frames=9, size=64)
  config.macro.update(source='magnified', clips=10)
  config.model.update(width=16, temporal_width=16, temporal_depth=1)
  config.training.update(steps=150, tasks=2)
  return common.finish(config, arg, {'three': _three})


def _three(config) -> None:
  config.data.class_set = 'casme2_3'
