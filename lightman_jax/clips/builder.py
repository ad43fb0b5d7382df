"""The TFDS builders: how a clip is stored (array_record, no TensorFlow).

`load.py` drives them. They also work by themselves, after this module is imported:
`tfds.builder('casme2/casme2_5-2014-cropped-t9-s64', file_format='array_record')`.
A built data set is read by plain `tfds.builder_from_directory`, without this package.
"""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from lightman_jax.annotations.casme2 import FACTS as CASME2
from lightman_jax.clips import names, sources, trees
from lightman_jax.clips.choice import Choice
from lightman_jax.clips.plan import Item, Pixels, Plan


@dataclasses.dataclass(eq=False)
class ClipConfig(tfds.core.BuilderConfig):
  """A class set, and the form of the stored clips."""
  class_set: str = ''
  classes: tuple[str, ...] = ()
  shape: tuple[int, int, int] = (9, 64, 64)   # T, H, W
  choice: Choice | None = None                # where the builder plans by itself


class _Info(tfds.core.DatasetInfo):
  """TFDS looks for statistics in its own bucket and leaves a temporary folder behind;
  these data sets are never there."""

  def initialize_from_bucket(self) -> None:
    pass


class ClipBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Stores the clips of a plan, each under its id, in one split named 'full'."""
  VERSION = tfds.core.Version(sources.VERSION)
  RELEASE_NOTES = {sources.VERSION: 'First release.'}
  BUILDER_CONFIGS = []
  CITATION = ''
  HOMEPAGE = ''

  plan: Plan | None = None     # set by `load.py`, with pixels out of its cache

  def _info(self) -> tfds.core.DatasetInfo:
    config = self.builder_config
    return _Info(
        builder=self, description=type(self).__doc__, homepage=self.HOMEPAGE or None,
        citation=self.CITATION or None, features=features(config.classes, config.shape))

  def _split_generators(self, dl_manager):
    plan = self.plan
    if plan is None:
      choice = self.builder_config.choice
      plan = trees.plan(choice._replace(manual_dir=str(dl_manager.manual_dir)))
    return {'full': self._generate_examples(plan)}

  def _generate_examples(self, plan: Plan):
    for item in plan.items:
      yield item.row.clip, example(item, item.make())


def features(
    classes: tuple[str, ...], shape: tuple[int, int, int],
) -> tfds.features.FeaturesDict:
  """Returns what an example holds. T frames: onset first, apex in the middle, offset
  last; landmarks in pixels of the stored frame, NaN where unknown; apex -1 and fps 0
  where unknown; label -1 where a clip has none of the classes."""
  unit = {'number': np.int32, 'side': tfds.features.Text(),
          'intensity': tfds.features.Text()}
  return tfds.features.FeaturesDict({
      'id': tfds.features.Text(),
      'dataset': tfds.features.Text(),
      'subject': tfds.features.Text(),
      'emotion': tfds.features.Text(),
      'label': tfds.features.ClassLabel(names=list(classes)),
      'action_units': {'raw': tfds.features.Text(),
                       'parsed': tfds.features.Sequence(unit)},
      'kind': tfds.features.Text(),
      'fps': np.float32,
      'onset': np.int32,
      'apex': np.int32,
      'offset': np.int32,
      'frame_numbers': tfds.features.Tensor(shape=shape[:1], dtype=np.int32),
      'frames': tfds.features.Tensor(
          shape=(*shape, 3), dtype=np.uint8, encoding='bytes'),
      'landmarks': tfds.features.Tensor(
          shape=(shape[0], 68, 2), dtype=np.float32, encoding='bytes'),
  })


def example(item: Item, pixels: Pixels) -> dict:
  """Returns an item with its pixels as TFDS stores it."""
  row = item.row
  return {
      'id': row.clip,
      'dataset': row.dataset,
      'subject': row.subject,
      'emotion': row.emotion,
      'label': item.label,
      'action_units': {'raw': row.action_units_raw,
                       'parsed': [unit._asdict() for unit in row.action_units]},
      'kind': row.kind,
      'fps': row.fps,
      'onset': row.onset,
      'apex': -1 if row.apex is None else row.apex,
      'offset': row.offset,
      'frame_numbers': np.asarray(item.numbers, np.int32),
      'frames': pixels.frames,
      'landmarks': pixels.landmarks,
  }


def _usual(facts) -> list[ClipConfig]:
  configs = []
  for class_set, known in facts.class_sets.items():
    choice = Choice(facts.name, class_set=class_set)
    for sheet in facts.sheets:
      for edition in facts.editions:
        exact = choice._replace(sheet=sheet.edition, edition=edition)
        configs.append(ClipConfig(
            name=names.configurations(exact)[0], class_set=class_set,
            classes=known.classes, choice=exact,
            description=f'{class_set}, sheet of {sheet.edition}, {edition} frames.'))
  return configs


class Casme2(ClipBuilder):
  """CASME II: 255 spontaneous micro-expressions of 26 subjects, 200 frames a second."""
  CITATION = CASME2.citation
  HOMEPAGE = CASME2.homepage
  BUILDER_CONFIGS = _usual(CASME2)
  MANUAL_DOWNLOAD_INSTRUCTIONS = (
      f'CASME II cannot be downloaded: {CASME2.ask}. Put one sheet ('
      + ' or '.join(f'{sheet.stem}.xlsx' for sheet in CASME2.sheets)
      + ', or .csv) and one tree of frames (' + ' or '.join(CASME2.layout)
      + ') into the manual folder or its sub-folder casme2/.')


class Manifest(ClipBuilder):
  """Anyone's own clips, named in a csv with the columns clip, subject, label, path."""


class Synthetic(ClipBuilder):
  """Faces made from a seed, with action units, landmarks and time courses known."""
