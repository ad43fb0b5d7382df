"""The command `annotations`: codings in, tiers for ELAN out, coders compared."""

import argparse
from collections import Counter
from collections.abc import Sequence
import csv
import itertools
import json
import pathlib

from lightman_jax import places
from lightman_jax.command_line import Parser, refusing
from lightman_jax.data import frames as pictures
from lightman_jax.errors import InputError, printable
from lightman_jax.files import write_atomically
from lightman_jax.units import counted
from lightman_jax.video import agreement, annotations as codings
from lightman_jax.video.annotations import Coded


@refusing('annotations')
def annotations(arguments: list[str]) -> int:
  """python -m lightman_jax annotations import|export|agree; returns the exit code."""
  options = _parser().parse_args(arguments)
  part = {'import': _import, 'export': _export, 'agree': _agree}[options.what]
  lines = part(options)
  print('\n'.join(map(printable, lines)))
  return 0


def _parser() -> argparse.ArgumentParser:
  parser = Parser(
      prog='python -m lightman_jax annotations',
      description="Reads what coders wrote of videos, makes a manifest of it to train "
                  'on, writes tiers that ELAN opens, and compares coders with each '
                  'other and with the program.')
  parts = parser.add_subparsers(dest='what', required=True, metavar='WHAT')
  what = ('an .eaf of ELAN, tab-delimited text that it exported (.tsv), or a table '
          'with onset and offset in frames or seconds (a manifest, expressions.csv)')
  read = parts.add_parser('import', help='a manifest of a coding, to train on')
  read.add_argument('coding', metavar='FILE', help=what)
  read.add_argument('--out', default='clips.csv', metavar='CLIPS.csv',
                    help='the manifest')
  read.add_argument('--subject', default='', help='who is seen, in all of it')
  read.add_argument('--video', default='', metavar='PATH',
                    help='the video; default: what the coding names')
  read.add_argument('--dataset', default='', help='name of the data set')
  write = parts.add_parser('export', help='tiers for ELAN')
  write.add_argument('coding', metavar='FILE', help=what)
  write.add_argument('--out', default='tiers', metavar='DIR',
                     help='where an .eaf of each video is written')
  compare = parts.add_parser('agree', help='how far codings agree, two by two')
  compare.add_argument('codings', metavar='FILE', nargs='+',
                       help=f'two or more: {what}')
  compare.add_argument('--json', action='store_true', help='print all of it as JSON')
  for part in (read, write, compare):
    part.add_argument('--tier', default='', metavar='TIER',
                      help='that holds the intervals; default: those whose name begins '
                           'with expression, micro or macro')
    part.add_argument('--fps', type=float, default=None,
                      help='frames a second: of a table that counts frames and does '
                           'not say so, or of a folder of pictures')
  return parser


def _rows(options: argparse.Namespace, path: str) -> list[Coded]:
  if options.fps is not None and not 0 < options.fps < 1e6:
    raise InputError(f'--fps={options.fps:g}: give a number of frames a second')
  rows = codings.read_coding(path, tier=options.tier, fps=options.fps)
  if not rows:
    raise InputError(f'{path} holds no interval')
  return rows


# A manifest of a coding.


def _import(options: argparse.Namespace) -> list[str]:
  rows = _rows(options, options.coding)
  out = places.expand(options.out)
  if not options.subject and len({row.subject for row in rows}) > 1 and not all(
      row.subject for row in rows):
    raise InputError(f'{options.coding} says only of some intervals who is seen; give '
                     '--subject=NAME')
  made = codings.manifest_rows(
      rows, out, subject=options.subject, fps=options.fps, dataset=options.dataset,
      video=str(places.expand(options.video)) if options.video else '',
      times_of=_times)
  _check_clips(made)
  with write_atomically(out) as file:
    csv.writer(file, lineterminator='\n').writerows([codings.MANIFEST, *made])
  lines = [f'{out}: {counted(len(made), "clip")} of '
           f'{counted(len({row[1] for row in made}), "person")}']
  without = [row[0] for row in made if not row[2]]
  if without:
    lines.append(f'{len(without)} of them name no emotion, or several, and cannot '
                 f'train as micro-expressions until they do: {", ".join(without[:5])}'
                 + ', ...' * (len(without) > 5))
  labels = Counter(row.label for row in rows)
  classes, emotions = agreement.classes_and_emotions(labels)
  if classes and emotions:
    spell = lambda words: ', '.join(f'{word} {labels[word]}' for word in sorted(words))
    lines.append(f'the labels mix classes ({spell(classes)}) and emotions '
                 f'({spell(emotions)}): they would train as different classes, so name '
                 'either in all of it')
  if not all(row.kind for row in rows):
    lines.append('where micro or macro is not said, half a second divides the two')
  return lines


def _check_clips(made: Sequence[tuple]) -> None:
  """Refuses two intervals of one person that begin in one frame of one video."""
  for name, count in Counter(row[0] for row in made).items():
    if count > 1:
      raise InputError(f'{counted(count, "interval", "is", "are")} {name}: they begin '
                       'in one frame of one video; keep one, or give them other onsets')


def _times(video: str, fps: float | None) -> tuple[list[float], float, int | None]:
  """The times of the frames of a video, its rate, and of a folder its first number.

  A manifest calls the frames of a folder by the numbers in their names.
  """
  from lightman_jax.video.reading import open_video
  if not pathlib.Path(video).exists():
    raise InputError(f'{video}, the video of the coding, is not there; name it by '
                     '--video=PATH')
  with open_video(video, fps=fps) as source:
    times = [frame.time for frame in source]
    rate = source.facts.rate or fps or 0.
  if rate <= 0:
    raise InputError(f'{video} does not say its rate; give --fps')
  first = (min(pictures.pictures_by_number(video), default=0)
           if pathlib.Path(video).is_dir() else None)
  return times, float(rate), first


# Tiers for ELAN.


def _export(options: argparse.Namespace) -> list[str]:
  from lightman_jax.video import writers
  rows = _rows(options, options.coding)
  out, lines = places.expand(options.out), []
  videos = dict.fromkeys(row.video for row in rows)
  stems = [_stem(video) for video in videos]
  for video, stem in zip(videos, stems):
    if stems.count(stem) > 1:
      raise InputError(f'two videos of {options.coding} are called {stem}; export them '
                       'from tables of their own')
    own = [row for row in rows if row.video == video]
    path = out / f'{stem}.eaf'
    tiers, participants = tiers_of(own)
    writers.write_tiers(path, tiers, video, participants)
    lines.append(f'{path}: {counted(len(own), "interval")}')
  return lines


def _stem(video: str) -> str:
  return pathlib.PurePath(video).stem or 'coding'


def tiers_of(rows: Sequence[Coded]
             ) -> tuple[dict[str, list[tuple[float, float, str]]], dict[str, str]]:
  """Tiers of the intervals of one video; those that overlap lie on tiers of their own.

  Args:
    rows: in the order of time.

  Returns:
    Of each tier the starts and ends in seconds and the values, and who is seen.
  """
  tiers: dict[str, list[tuple[float, float, str]]] = {}
  participants = {}
  for subject in dict.fromkeys(row.subject for row in rows):
    ends: list[float] = []
    for row in (row for row in rows if row.subject == subject):
      lane = next((k for k, end in enumerate(ends) if end <= row.onset_s), len(ends))
      ends[lane:lane + 1] = [row.offset_s]
      name = f'{subject} {lane + 1}' if lane else subject
      span = row.onset_s, row.offset_s
      lines = {'expressions': (*span, row.known_kind), 'emotion': (*span, row.label),
               'units': (*span, row.units)}
      if row.apex_s is not None:
        lines['apex'] = row.apex_s, row.apex_s + .001, 'apex'
      for what, line in lines.items():
        tier = f'{what} {name}'.strip()
        tiers.setdefault(tier, []).extend([line] if line[2] else [])
        participants[tier] = row.subject
  return tiers, participants


# Coders compared.


def _agree(options: argparse.Namespace) -> list[str]:
  if len(options.codings) < 2:
    raise InputError('name two codings or more to compare')
  codes = [(name, _rows(options, name)) for name in options.codings]
  results = [{'codings': [one, other], **agreement.agree(first, second)}
             for (one, first), (other, second) in itertools.combinations(codes, 2)]
  if options.json:
    return json.dumps(results, indent=2, ensure_ascii=False).splitlines()
  lines = []
  for result in results:
    lines += [*([''] if lines else []), *agreement.lines_of(
        ' and '.join(result['codings']), result)]
  return [*lines, '', 'errors are those of the second, less the first; kappa is over '
          'matched intervals, and - where nothing or one word alone is named']
