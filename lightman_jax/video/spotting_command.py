"""The command `spotting`: intervals of any program scored, and ours on long videos."""

import argparse
from collections.abc import Sequence
import dataclasses
import json
import pathlib
import sys
from typing import Any

from lightman_jax import places
from lightman_jax.command_line import Parser, refusing
from lightman_jax.data import commands as apexes, people
from lightman_jax.errors import InputError, printable
from lightman_jax.files import write_atomically
from lightman_jax.options import check_seed
from lightman_jax.units import counted
from lightman_jax.video import intervals, spotting_scores

# Imported by hand where they are needed: they bring OpenCV and the readers along.
DATA_SETS = ('casme_squared', 'casme_cubed', 'samm_long', 'smic_long')
RENDERED = 'synthetic_long'

# To stand beside: other clips or other people than ours, as their papers print them.
PUBLISHED = {
    'casme_squared': (
        'MDMD, the baseline of MEGC 2020: F1 .120 macro, .008 micro, .038 both',),
    'samm_long': (
        'MDMD, the baseline of MEGC 2020: F1 .063 macro, .036 micro, .045 both',
        'the spot-then-recognise baseline of MEGC 2025, on its own test videos of '
        'SAMM: F1 of spotting .028, STRS .006; its best entry has STRS about .09'),
    'casme_cubed': (
        'the spot-then-recognise baseline of MEGC 2025, on its own test videos of '
        'CAS(ME)^3: F1 of spotting .039, STRS .009; its best entry has STRS about .09 '
        'over all',)}


@refusing('spotting')
def spotting(arguments: list[str]) -> int:
  """python -m lightman_jax spotting score|apex|NAME; returns the exit code."""
  options = _parser().parse_args(arguments)
  if options.what == 'apex':
    return apexes.measure_apexes(options)
  if options.what == 'score':
    scored = spotting_scores.score_spotting(
        options.spotted, options.truth, lengths=options.lengths or None,
        signal=options.signal or None, seed=options.seed)
  else:
    scored = _run(options)
  if options.json:
    print(json.dumps(scored, indent=2, ensure_ascii=False))
  else:
    print('\n'.join(map(printable, lines_of(scored))))
  return 0


def _parser() -> argparse.ArgumentParser:
  parser = Parser(
      prog='python -m lightman_jax spotting',
      description='Scores intervals of expressions that were spotted in long videos: '
                  'precision, recall and F1 at an intersection over union of one half, '
                  'micro and macro apart and pooled, false alarms a minute, and '
                  'spot-then-recognise (STRS).')
  parts = parser.add_subparsers(dest='what', required=True, metavar='WHAT')
  score = parts.add_parser(
      'score', help='intervals of any program against those of a coder')
  score.add_argument('spotted', metavar='FOUND.csv',
                     help='columns subject, video, onset, offset, emotion and, where '
                          'known, type (micro or macro)')
  score.add_argument('truth', metavar='TRUTH.csv', help='the same, as coded')
  score.add_argument('--lengths', default='', metavar='VIDEOS.csv',
                     help='columns subject, video, frames, fps: adds false alarms a '
                          'minute')
  score.add_argument('--signal', default='', metavar='SIGNAL.csv',
                     help='columns subject, video, frame, value: adds its largest '
                          'peaks as a reference')
  _add_common(score)
  apexes.add_apex_arguments(parts.add_parser(
      'apex', help='how far spotted apexes lie from annotated ones',
      description=apexes.APEX))
  for name in DATA_SETS:
    one = parts.add_parser(name, help=f'ours on the long videos of {name}')
    one.add_argument('--manual_dir', default='', help='where the licensed data lie')
    one.add_argument('--sheet', default='auto', help='auto, or an edition, as 2014')
    one.add_argument('--corrections', default='', help='names, divided by commas')
    one.add_argument('--class_set', default='', help="default: the data set's first")
    one.add_argument('--landmarks', default='', metavar='TABLE.csv',
                     help='known landmarks instead of the face model: folder (below '
                          'the tree of frames), frame, x_0 to x_67, y_0 to y_67')
    _add_run(one)
  drawn = parts.add_parser(RENDERED, help='ours on videos that are drawn')
  for name, kind, default, words in (
      ('people', int, 4, 'a video each'), ('seconds', float, 60., 'of each video'),
      ('fps', float, 30., 'frames a second')):
    drawn.add_argument(f'--{name}', type=kind, default=default,
                       help=f'{words}; default: {default:g}')
  _add_run(drawn)
  return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
  parser.add_argument('--seed', type=int, default=0,
                      help='of intervals at random, and of what is drawn')
  parser.add_argument('--json', action='store_true', help='print all of it as JSON')


def _add_run(parser: argparse.ArgumentParser) -> None:
  parser.add_argument('--settings', choices=('fixed', 'others'), default='fixed',
                      help="fixed: the program's; others: for each person those that "
                           'spot best in the videos of the others')
  parser.add_argument('--model', default='', metavar='MODEL',
                      help='names the classes of what is spotted, for STRS; a model '
                           'that has seen one of these people is refused')
  parser.add_argument('--out', default='spotting', metavar='DIR',
                      help='where spotted.csv, truth.csv, videos.csv, scores.json and '
                           'what is measured are kept; a second start goes on there')
  _add_common(parser)


# Ours, on long videos.


def _run(options: argparse.Namespace) -> dict[str, Any]:
  from lightman_jax.video import long_videos
  from lightman_jax.video.expressions import check_output
  check_seed(options.seed)
  out = places.expand(options.out)
  collection = _collection(options)
  if options.settings == 'others':
    long_videos.check_several(collection.recordings)
  model = _model(options, collection)
  if any(recording.landmarks is None for recording in collection.recordings):
    from lightman_jax.faces import detection
    detection.load_model()                # says at once where it is missing
  check_output(out)
  measured = []
  for number, recording in enumerate(collection.recordings, start=1):
    _show(f'{options.what} {number}/{len(collection.recordings)}: '
          f'{recording.subject}, {recording.video}')
    measured.append(long_videos.measure_recording(recording, out / 'measured'))
  _show('')
  chosen = {}
  if options.settings == 'others':
    chosen = long_videos.choose_settings(collection.recordings, measured,
                                         collection.kinds)
  spotted = []
  for recording, what in zip(collection.recordings, measured):
    one = long_videos.spot(what, chosen.get(recording.subject, long_videos.GRID[0]))
    rows = (long_videos.name_classes(recording, what, one, model) if model else
            long_videos.expressions_of(one))
    spotted += long_videos.as_intervals(recording, rows, collection.kinds)
  tables = spotting_scores.Tables(
      tuple(spotted), tuple(one for recording in collection.recordings
                            for one in recording.truth),
      {(recording.subject, recording.video): long_videos.length_of(recording, what)
       for recording, what in zip(collection.recordings, measured)},
      {(recording.subject, recording.video): long_videos.motion_of(recording, what)
       for recording, what in zip(collection.recordings, measured)})
  scored = spotting_scores.score_tables(tables, seed=options.seed)
  scored['remarks'] = [*collection.remarks, *scored['remarks'], _words(chosen)]
  scored['published'] = list(PUBLISHED.get(options.what, ()))
  scored['settings'] = {name: dataclasses.asdict(settings)
                        for name, settings in chosen.items()}
  _write(out, tables, scored)
  return scored


def _collection(options: argparse.Namespace) -> Any:
  from lightman_jax.data.choice import choose
  from lightman_jax.video import long_videos
  if options.what == RENDERED:
    if options.people < 1 or not 2. <= options.seconds <= 3600. or not (
        1. <= options.fps <= 1000.):
      raise InputError('give --people of 1 or more, --seconds of 2 to 3600 and --fps '
                       'of 1 to 1000')
    return long_videos.rendered_recordings(
        people=options.people, seconds=options.seconds, fps=options.fps,
        seed=options.seed)
  choice = choose({name: getattr(options, name) for name in (
      'manual_dir', 'sheet', 'corrections', 'class_set')} | {'name': options.what})
  return long_videos.recordings_on_disk(
      choice, landmarks=places.expand(options.landmarks) if options.landmarks else None)


def _model(options: argparse.Namespace, collection: Any) -> Any:
  """The model that names classes, which has seen nobody who is scored."""
  if not options.model:
    return None
  from lightman_jax.bundle.model import load_model
  model = load_model(places.expand(options.model))
  rendered = options.what == RENDERED
  for subject in dict.fromkeys(one.subject for one in collection.recordings):
    own = (('synthetic', people.synthetic_name(options.seed, subject)) if rendered
           else (options.what, subject))
    for other in map(tuple, model.about['seen']):
      if people.may_be_one(own, other):
        raise InputError(f'{options.model} was trained on {"/".join(other)}, who is '
                         f'scored here; a model is scored on people whom it has not '
                         'seen')
  return model


def _words(chosen: dict[str, Any]) -> str:
  if not chosen:
    return ("how expressions are spotted is fixed: the program's settings, chosen on "
            'drawn people of seeds 101 to 104')
  words = ', '.join(f'{name} {one.factor:g}/{one.least:g}'
                    for name, one in chosen.items())
  return ('how expressions are spotted is chosen for each person by F1 in the videos '
          f'of the others (factor/least of the threshold: {words})')


def _write(out: pathlib.Path, tables: spotting_scores.Tables, scored: dict[str, Any]
           ) -> None:
  intervals.write_intervals(out / 'spotted.csv', tables.spotted)
  intervals.write_intervals(out / 'truth.csv', tables.truth)
  intervals.write_lengths(out / 'videos.csv', dict(tables.lengths))
  with write_atomically(out / 'scores.json') as file:
    json.dump(scored, file, indent=1, ensure_ascii=False)
    file.write('\n')


def _show(words: str) -> None:
  if sys.stderr.isatty():
    print(f'\r{printable(words):<70}', end='' if words else '\r', file=sys.stderr,
          flush=True)


# What is printed.


def lines_of(scored: dict[str, Any]) -> list[str]:
  """The scores as lines for a terminal; fractions have four digits.

  Args:
    scored: of `spotting_scores.score_spotting`.
  """
  heads = ('', 'TP', 'FP', 'FN', 'precision', 'recall', 'F1', '95 % over people',
           'false alarms a minute')
  cells = [heads]
  for name, row in scored['rows'].items():
    if name == 'pooled' or row['tp'] + row['fp'] + row['fn']:
      rate = row['false_alarms_a_minute']
      cells.append((name, *(str(row[key]) for key in ('tp', 'fp', 'fn')), *(
          f'{row[key]:.4f}' for key in ('precision', 'recall', 'f1')), _span(row),
          '' if rate is None else f'{rate:.2f}'))
  for name, row in scored['references'].items():
    cells.append((name, '', '', '', *(f'{row[key]:.4f}' for key in (
        'precision', 'recall', 'f1')), '', ''))
  lines = [f'{counted(scored["videos"], "video")} of '
           f'{counted(scored["people"], "person")}' + (
      f', {scored["minutes"]:.2f} minutes' * bool(scored['minutes'])), '',
           *_aligned(cells), *_recognition(scored['recognition'])]
  lines += ['', *scored['remarks']]
  if scored.get('published'):
    lines += ['published, of other videos or people:', *(
        f'  {line}' for line in scored['published'])]
  return lines


def _recognition(part: dict[str, Any] | None) -> list[str]:
  if part is None:
    return ['', 'no STRS: one of the tables names no emotion']
  return ['', 'recognition of '
          f'{counted(part["intervals"], "spotted interval")}, classes '
          f'{", ".join(part["classes"])}: mean precision {part["mean_precision"]:.4f}, '
          f'UAR (mean recall) {part["mean_recall"]:.4f}, F1 (harmonic mean of the two) '
          f'{part["f1"]:.4f}, UF1 {part["uf1"]:.4f}',
          f'STRS {part["strs"]:.4f} {_span(part)}: F1 of spotting '
          f'{part["f1_spotting"]:.4f} x F1 of recognition {part["f1"]:.4f}']


def _span(row: dict[str, Any]) -> str:
  if row['low'] is None:
    return '[-, -]'
  return f'[{row["low"]:.4f}, {row["high"]:.4f}]'


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
  widths = [max(map(len, column)) for column in zip(*cells)]
  return ['  '.join([row[0].ljust(widths[0]), *(
      cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
          for row in cells]
