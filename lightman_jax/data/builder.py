"""The TFDS builders: how a clip is stored (array_record, no TensorFlow).

One a table of facts and one a composite, in `BUILDERS`. `build.py` drives them. They
also work by themselves, after this module is imported:
`tfds.builder('casme2/casme2_5-2014-cropped-t9-s64', file_format='array_record')`.
A built data set is read by plain `tfds.builder_from_directory`, without this package.
"""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from lightman_jax import registry
from lightman_jax.data import planning, sources
from lightman_jax.data.choice import Choice, configuration_names
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import COMPOSITES, Composite, Facts
from lightman_jax.data.plan import Item, Pixels, Plan
from lightman_jax.units import counted


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

  plan: Plan | None = None     # set by `build.py`, with pixels out of its cache

  def _info(self) -> tfds.core.DatasetInfo:
    config = self.builder_config
    return _Info(
        builder=self, description=type(self).__doc__, homepage=self.HOMEPAGE or None,
        citation=self.CITATION or None, features=features(config.classes, config.shape))

  def _split_generators(self, dl_manager):
    plan = self.plan
    if plan is None:
      choice = self.builder_config.choice
      plan = planning.plan_data_set(
          choice._replace(manual_dir=str(dl_manager.manual_dir)))
    return {'full': self._generate_examples(plan)}

  def _generate_examples(self, plan: Plan):
    for item in plan.items:
      yield item.row.clip, example(item, item.make())


def features(
    classes: tuple[str, ...], shape: tuple[int, int, int],
) -> tfds.features.FeaturesDict:
  """Returns what an example holds. T frames: onset first, apex in the middle, offset
  last; landmarks in pixels of the stored frame, NaN where unknown; apex -1 and fps 0
  where unknown; label -1 where a clip has none of the classes. `apex_source` is
  'sheet', 'given' (by the user's table), 'spotted', or '' where a middle stands in."""
  unit = {'number': np.int32, 'side': tfds.features.Text(),
          'intensity': tfds.features.Text()}
  return tfds.features.FeaturesDict({
      'id': tfds.features.Text(),
      'dataset': tfds.features.Text(),
      'subject': tfds.features.Text(),
      'emotion': tfds.features.Text(),
      'objective': tfds.features.Text(),
      'label': tfds.features.ClassLabel(names=list(classes)),
      'action_units': {'raw': tfds.features.Text(),
                       'parsed': tfds.features.Sequence(unit)},
      'kind': tfds.features.Text(),
      'fps': np.float32,
      'onset': np.int32,
      'apex': np.int32,
      'offset': np.int32,
      'apex_source': tfds.features.Text(),
      'frame_numbers': tfds.features.Tensor(shape=shape[:1], dtype=np.int32),
      'frames': tfds.features.Tensor(
          shape=(*shape, 3), dtype=np.uint8, encoding='bytes'),
      'landmarks': tfds.features.Tensor(
          shape=(shape[0], 68, 2), dtype=np.float32, encoding='bytes'),
  })


def example(item: Item, pixels: Pixels) -> dict:
  """Returns an item with its pixels as TFDS stores it.

  Args:
    item: the clip: its row, label and frame numbers.
    pixels: T frames (T, H, W, 3) and landmarks (T, 68, 2).

  Returns:
    The fields of `features`, by name.
  """
  row, numbers = item.row, pixels.numbers or item.numbers
  source = pixels.apex_source or item.apex_source
  apex = numbers[len(numbers) // 2] if source else row.apex
  return {
      'id': row.clip,
      'dataset': row.dataset,
      'subject': row.subject,
      'emotion': row.emotion,
      'objective': row.objective,
      'label': item.label,
      'action_units': {'raw': row.action_units_raw,
                       'parsed': [unit._asdict() for unit in row.action_units]},
      'kind': row.kind,
      'fps': row.fps,
      'onset': row.onset,
      'apex': -1 if apex is None else apex,
      'offset': row.offset,
      'apex_source': source,
      'frame_numbers': np.asarray(numbers, np.int32),
      'frames': pixels.frames,
      'landmarks': pixels.landmarks,
  }


class Manifest(ClipBuilder):
  """Anyone's own clips, named in a csv with the columns clip, subject, label, path."""


class Synthetic(ClipBuilder):
  """Faces made from a seed, with action units, landmarks and time courses known."""


def _usual(name: str, class_sets: dict[str, tuple[str, ...]], sheets, editions
           ) -> list[ClipConfig]:
  """The configurations that are listed; any other is made where it is asked for."""
  configs = []
  for class_set, classes in class_sets.items():
    for sheet in sheets:
      for edition in editions:
        choice = Choice(name, class_set=class_set, sheet=sheet, edition=edition,
                        landmarks='none')
        configs.append(ClipConfig(
            name=configuration_names(choice)[0], class_set=class_set,
            classes=classes,
            choice=choice,
            description=f'{class_set}, sheet {sheet}, {edition} frames.'))
  return configs


def _of_table(facts: Facts, **options) -> type[ClipBuilder]:
  sheets = [' and '.join(f'{stem}.xlsx' for stem in sheet.stems)
            for sheet in facts.sheets]
  counts = '; '.join(f'{e.rows} {e.kind}-expressions of '
                     f'{counted(e.subjects, "subject")}'
                     + f' (sheet {e.sheet})' * bool(e.sheet) for e in facts.expected)
  return _builder(
      facts.name, f'{facts.title}: {counts}.', facts.citation, facts.homepage,
      _usual(facts.name, {name: class_set.classes for name, class_set
                          in facts.class_sets.items()},
             [sheet.edition for sheet in facts.sheets] or ['auto'],
             dict.fromkeys(frames.edition for frames in facts.editions)),
      f'{facts.title} cannot be downloaded: {facts.access}. Put '
      + ('one sheet (' + ' or '.join(sheets) + ', or .csv) and ' if sheets else '')
      + 'one tree of frames (' + ' or '.join(facts.layout)
      + f') into the manual folder or its sub-folder {facts.folders[0]}/.', **options)


def _of_composite(composite: Composite) -> type[ClipBuilder]:
  tables = [TABLES[name] for name in composite.parts]
  return _builder(
      composite.name, f'{composite.title}: {composite.source}.',
      '\n\n'.join((composite.citation, *(facts.citation for facts in tables))),
      '', _usual(composite.name, {composite.class_set: composite.classes}, ['auto'],
                 ['cropped', 'raw']),
      f'{composite.title} is made of {", ".join(facts.title for facts in tables)}; put '
      'each into the manual folder, in a sub-folder of its own: '
      + ', '.join(f'{facts.folders[0]}/' for facts in tables) + '.')


def _builder(name, description, citation, homepage, configs, instructions, **options):
  return type(
      ''.join(word.capitalize() for word in name.split('_')), (ClipBuilder,),
      {'__doc__': description, '__module__': __name__, 'name': name,
       'CITATION': citation, 'HOMEPAGE': homepage, 'BUILDER_CONFIGS': configs,
       'MANUAL_DOWNLOAD_INSTRUCTIONS': instructions}, **options)


BUILDERS = {
    'manifest': Manifest, 'synthetic': Synthetic,
    **{name: _of_table(TABLES[name]) for name in registry.DATA_SETS},
    **{name: _of_composite(composite) for name, composite in COMPOSITES.items()}}


def builder_of(name: str) -> type[ClipBuilder]:
  """The builder of a data set; one from outside has it made of its facts."""
  # TFDS knows one class of a name, and a file may be named again when it has changed.
  return BUILDERS[name] if name in BUILDERS else _of_table(TABLES[name],
                                                           skip_registration=True)
