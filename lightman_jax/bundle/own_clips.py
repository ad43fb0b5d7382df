"""Labelled clips of somebody's own, as a carried model sees them."""

from collections.abc import Iterator, Sequence
import pathlib
import sys
from typing import NamedTuple

from jaxtyping import Float, Int
import numpy as np

from lightman_jax.bundle.model import Model
from lightman_jax.data.load import load
from lightman_jax.data.manifest import read_manifest
from lightman_jax.data.people import identify, may_be_one
from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.inputs import inputs
from lightman_jax.units import counted, short_repr, three_digits


class OwnClips(NamedTuple):
  """N micro clips of a manifest, in the order of its rows."""
  x: Float[np.ndarray, 'N *clip']      # inputs as the network sees them
  labels: list[str]
  people: list[tuple[str, str]]        # (data set, person) of each
  names: list[str]
  frames_sha256: list[str] | None = None      # of each; '' of frames of one colour
  __repr__ = short_repr


def read_clips(model: Model, path: pathlib.Path) -> OwnClips:
  """Reads a manifest, and encodes its clips as the model's were.

  Args:
    model: of `load_model`.
    path: of the csv or workbook: rows of ready pictures, or of folders and videos.

  Raises:
    InputError: as a run with this manifest would, or a label is none of the model's.
  """
  entries = read_manifest(path)
  if unknown := [entry for entry in entries
                 if entry.kind == 'micro' and entry.label not in model.classes]:
    raise InputError(f'{path}, {unknown[0].where}: {unknown[0].label!r} is no class of '
                     f'this model, whose classes are {", ".join(model.classes)}')
  ready = all(entry.form in ('picture', 'pair') for entry in entries)
  alone = ready and not any(entry.neutral for entry in entries)
  data = model.about['settings']['data']
  size = data['size'] if (data['frames'] == 1) == alone else (
      0 if alone else model.about['size'])
  clips = load({'name': 'manifest', 'class_set': 'manifest', 'path': str(path),
                'frames': 1 if alone else max(model.about['frames'], 3), 'size': size},
               say=lambda line: print(line, file=sys.stderr), fewest_people=1)
  place = {entry.clip: number for number, entry in enumerate(entries)}
  order = sorted(np.flatnonzero(~clips.macro).tolist(),
                 key=lambda n: place.get(clips.clip[n], len(place)))
  if not order:
    raise InputError(f'{path} names no micro-expression to adapt to; leave its column '
                     'kind out, or write micro')
  settings = inputs.Settings(**model.about['settings']['inputs'])
  x = inputs.make_inputs(clips, settings)
  if list(x.shape[1:]) != list(model.about['clip']):
    raise InputError(f'the clips of {path} make inputs of {x.shape[1:]}, and this '
                     f'model takes {(*model.about["clip"],)}')
  names = (*clips.classes, '')
  return OwnClips(x[order], [names[clips.label[n]] for n in order],
                  [(clips.datasets[n], clips.subject[n]) for n in order],
                  [clips.clip[n] for n in order], [clips.content[n] for n in order])


def first_of_class(labels: Sequence[str], shots: int) -> Int[np.ndarray, 's']:
  """Numbers of the first clips of each class; all of them for `shots` of 0.

  Args:
    labels: of the clips, in order.
    shots: clips of a class.
  """
  before: dict[str, int] = {}
  numbers = []
  for number, label in enumerate(labels):
    before[label] = before.get(label, 0) + 1
    if not shots or before[label] <= shots:
      numbers.append(number)
  return np.array(numbers, int)


def test_numbers(clips: OwnClips, support: Int[np.ndarray, 's']
                 ) -> Int[np.ndarray, 't']:
  """Numbers of the clips that were not adapted to, under another name either.

  Args:
    clips: all of them.
    support: numbers of those that were adapted to.
  """
  hashes = clips.frames_sha256 or [''] * len(clips.x)
  adapted = {hashes[n] for n in support} - {''}
  left = np.setdiff1d(np.arange(len(clips.x)), support)
  return np.array([n for n in left if hashes[n] not in adapted], int)


def test_counts(models: Sequence[Model], clips: OwnClips,
                tested: Int[np.ndarray, 't']) -> list[Int[np.ndarray, 'P K K']]:
  """Confusions of some clips, person by person.

  Args:
    models: of the same classes.
    clips: all of them.
    tested: numbers of those that count, one or more, as of `test_numbers`.

  Returns:
    For each model counts [person, truth, prediction].
  """
  classes = list(models[0].classes)
  truth = np.array([classes.index(clips.labels[n]) for n in tested])
  people = sorted({clips.people[n] for n in tested})
  group = np.array([people.index(clips.people[n]) for n in tested])
  return [scores.confusion_by(
      group, truth, np.array([classes.index(name) for name in model.predict(
          clips.x[tested], encoded=True).classes]), groups=len(people),
      classes=len(classes)) for model in models]


def test_lines(general: Model, adapted: Model, clips: OwnClips,
               support: Int[np.ndarray, 's']) -> Iterator[str]:
  """What the models make of the clips that were not adapted to.

  Args:
    general: the model before.
    adapted: the one after.
    clips: all of them.
    support: as of `test_numbers`.
  """
  tested = test_numbers(clips, support)
  if copies := len(clips.x) - len(support) - len(tested):
    yield (f'{counted(copies, "clip", "is", "are")} not tested: the frames are those '
           'of clips that it was adapted to')
  if not len(tested):
    yield 'no clip is left to test it on: give more, with --shots=N'
    return
  yield (f'on the {counted(len(tested), "clip")} of the table that it was not adapted '
         'to:')
  for name, one in zip(('the model before', 'the adapted one'),
                       test_counts([general, adapted], clips, tested)):
    total = one.sum(0)
    yield (f'  {name}: UF1 {three_digits(float(scores.uf1(total)))}, UAR '
           f'{three_digits(float(scores.uar(total)))}, accuracy '
           f'{three_digits(float(scores.accuracy(total)))}')
  seen = sorted({clips.people[n] for n in tested if any(
      may_be_one(clips.people[n], tuple(other)) for other in general.about['seen'])})
  if seen:
    yield (f'  {len(seen)} of the people tested, {"/".join(identify(*seen[0]))} the '
           'first, may be among those whom the model before was trained on: this is no '
           'test of people whom it has not seen')
  if len(tested) < 100:
    yield ('  so few clips of so few people tell little; benchmarks/adaptation.py '
           'measures it over people, with intervals')
