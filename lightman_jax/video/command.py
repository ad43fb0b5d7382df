"""The command `predict`: from videos to tables, tiers and a page of each.

A study of many videos is `study`'s, a camera or a pipe `live`'s.
"""

import argparse
from collections.abc import Callable, Sequence
import contextlib
import csv
import pathlib
import sys
import time as clock
from typing import Any, NamedTuple

from lightman_jax import places, refusals
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError, Unreadable, printable
from lightman_jax.faces import detection
from lightman_jax.files import write_atomically
from lightman_jax.training import stopping
from lightman_jax.units import counted
from lightman_jax.video.tables import CLIP_COLUMNS, read_clips, read_landmarks

OUT = 'predictions'
PIPE = '-'
_VIDEO_COLUMNS = ('video', 'folder', 'frames', 'looked_at_s', 'micro', 'macro',
                  'message')


@refusing('predict')
def predict(arguments: list[str]) -> int:
  """python -m lightman_jax predict VIDEO...: which expressions are in a video.

  Returns 0 where every video was read, whatever was seen in it; 1 where some were not;
  2 where none was, or where what was asked cannot be done.
  """
  options, out = _parser().parse_args(arguments), None
  try:
    _check(options)
    options.baseline = span(options.baseline)
    out = places.expand(options.out)
    from lightman_jax.video.expressions import check_output
    if options.annotate:
      from lightman_jax.video.annotated import check_annotation
      check_annotation()
    model = model_of(options)
    act = _action(options, model, out)
    # What can be refused is, before a folder is made.
    check_output(out)
    with stopping.as_interrupts():
      return act()
  except KeyboardInterrupt:
    if out is not None:
      with contextlib.suppress(OSError):      # it is not there, or holds something
        out.rmdir()
    print('\nstopped: nothing is half-written; the same command '
          + ('goes on' if options.study else 'begins anew'), file=sys.stderr)
    return 130


def _action(options: argparse.Namespace, model: Any, out: pathlib.Path
            ) -> Callable[[], int]:
  """What is to be done, all that it reads being there."""
  from lightman_jax.video.reading import check_there
  if options.study:
    from lightman_jax.video import study, study_rows
    rows = study_rows.read_study(places.expand(options.study))
    events = (study_rows.read_events(places.expand(options.events), rows)
              if options.events else [])
    check_there([row.path for row in rows])
    if not all(row.landmarks for row in rows):
      _face_model(options)
    return lambda: study.predict_study(options, model, out, rows, events)
  rows = read_clips(places.expand(options.clips)) if options.clips else []
  options.landmarks = _landmarks(options)
  check_there([places.expand(video) for video in options.videos if video != PIPE])
  _face_model(options)
  if options.clips:
    return lambda: _predict_clips(options, model, rows, out)
  if options.camera is not None or options.videos == [PIPE]:
    from lightman_jax.video import live
    frames = live.open_frames(options)
    return lambda: live.predict_live(options, model, out, frames)
  return lambda: _predict_videos(options, model, out)


def _parser() -> argparse.ArgumentParser:
  parser = Parser(
      prog='python -m lightman_jax predict',
      description='Spots micro- and macro-expressions in videos and, where asked, '
                  'names their classes. For each video a folder is made that holds '
                  'expressions.csv, frames.csv, expressions.json, expressions.eaf (for '
                  'ELAN) and page.html.')
  parser.add_argument('videos', nargs='*', metavar='VIDEO',
                      help='a video, or a folder of pictures; - reads a video from '
                           'the standard input while it comes')
  parser.add_argument('--model', default='', metavar='MODEL',
                      help='folder that `final` has written; default: the open model, '
                           'which was trained on drawn faces alone')
  parser.add_argument('--out', default=OUT, metavar='DIR',
                      help='where results are written')
  parser.add_argument('--face', choices=('largest', 'all'), default='largest',
                      help='whom to look at')
  parser.add_argument('--fps', type=float, default=None,
                      help='frames a second of a folder of pictures, or of a file '
                           'whose time stamps are wrong')
  parser.add_argument('--baseline', default='', metavar='START:END',
                      help='seconds in which the face is at rest, as 0:10; default: '
                           "the video's own quiet stretches")
  parser.add_argument('--start', type=float, default=None, help='in seconds')
  parser.add_argument('--end', type=float, default=None, help='in seconds')
  parser.add_argument('--emotions', action='store_true',
                      help='name classes with the open model, too; another model does '
                           'so in any case')
  parser.add_argument('--frames', action='store_true',
                      help='show the face on the page, rather than a drawing')
  parser.add_argument('--annotate', action='store_true',
                      help='write the video with boxes and intervals drawn')
  parser.add_argument('--fetch', action='store_true',
                      help='download the face model where it is missing, unasked')
  parser.add_argument('--landmarks', default='', metavar='TABLE',
                      help='csv of known landmarks: frame (from 0), x_0 to x_67, y_0 '
                           'to y_67')
  parser.add_argument('--clips', default='', metavar='TABLE',
                      help='clips that are cut already: a table with the columns '
                           'path, onset, apex, offset (frames from 0)')
  parser.add_argument('--causal', action='store_true',
                      help='spot as with a camera, from what came before alone')
  parser.add_argument('--study', default='', metavar='VIDEOS.csv',
                      help='many videos: a table with the columns video, person and, '
                           'where known, condition, start, end, baseline, fps and '
                           'landmarks; the same command goes on where it was ended')
  parser.add_argument('--events', default='', metavar='EVENTS.csv',
                      help='of a study: what was shown or asked; a table with the '
                           'columns video, time (s) and name')
  parser.add_argument('--processes', type=int, default=0, metavar='N',
                      help='of a study: videos at once; 0: one a core')
  parser.add_argument('--camera', type=int, default=None, metavar='N',
                      help='look at camera N (0 is the first) until Ctrl-C')
  parser.add_argument('--seconds', type=float, default=None,
                      help='of a camera or a pipe: how long it is looked at')
  parser.add_argument('--live', action='store_true',
                      help='of a pipe: skip frames rather than keep its writer waiting')
  return parser


def _check(options: argparse.Namespace) -> None:
  if sum(map(bool, (options.videos, options.clips, options.study,
                    options.camera is not None))) != 1:
    raise InputError('name one or more videos, a table of clips with --clips=TABLE, '
                     'one of videos with --study=TABLE, or a camera with --camera=0')
  _check_way(options)
  for name in ('fps', 'start', 'end'):
    value = getattr(options, name)
    if value is not None and not (0 <= value < 1e9) or name == 'fps' and value == 0:
      raise InputError(f'--{name}={value}: give a number of '
                       f'{"frames a second" if name == "fps" else "seconds"}')
  if None not in (options.start, options.end) and options.start >= options.end:
    raise InputError(f'--start={options.start:g} is not before --end={options.end:g}')
  if options.clips:
    if not (options.emotions or options.model):
      raise InputError('clips that are cut already are recognised, and the open model, '
                       'which was trained on drawn faces, names a class only with '
                       '--emotions; add it, or give a --model=MODEL')


# Of each way to be called: flags that it has no use for, and why.
_USELESS = {
    'clips': (('baseline', 'start', 'end', 'annotate', 'frames', 'landmarks'),
              'is about videos, and --clips takes clips that are cut already'),
    'study': (('baseline', 'start', 'end', 'fps', 'landmarks'),
              'is a column of the table of videos'),
    'live': (('baseline', 'start', 'end', 'annotate', 'frames', 'fps'),
             'needs a file, and what is looked at while it comes is none')}


def _check_way(options: argparse.Namespace) -> None:
  """Refuses flags that are of another way to be called."""
  live = options.camera is not None or options.videos == [PIPE]
  if PIPE in options.videos and not live:
    raise InputError('- is the standard input, which is looked at by itself; name '
                     'files in another command')
  ways = {'clips': options.clips, 'study': options.study, 'live': live}
  for way, (names, why) in _USELESS.items():
    for name in names if ways[way] else ():
      if getattr(options, name) not in ('', None, False):
        raise InputError(f'--{name} {why}')
  if options.study and options.face != 'largest':
    raise InputError('--face=all: a row of a study is one person; give a video of '
                     'several a row for each, with start and end')
  for name, where, fits in (('events', '--study', options.study),
                            ('processes', '--study', options.study),
                            ('seconds', '--camera or -', live), ('live', '-', live)):
    if getattr(options, name) not in ('', None, False, 0) and not fits:
      raise InputError(f'--{name} goes with {where}')
  if not 0 <= options.processes <= 1000:
    raise InputError(f'--processes={options.processes}: give how many videos are '
                     'looked at at once, or 0 for one a core')
  if options.seconds is not None and not 0 < options.seconds < 1e9:
    raise InputError(f'--seconds={options.seconds}: give a number of seconds')
  if options.causal and options.baseline:
    raise InputError('--causal calibrates on what came before, and takes no --baseline')
  if options.camera is not None and options.camera < 0:
    raise InputError(f'--camera={options.camera}: cameras are counted from 0')


def span(text: str) -> tuple[float, float] | None:
  """A stretch of time, as 0:10; None for no text.

  Args:
    text: its start and end in seconds.

  Raises:
    InputError: it is none.
  """
  if not text:
    return None
  parts = text.split(':')
  try:
    first, last = map(float, parts)
  except ValueError:
    raise InputError(f'--baseline={text}: give its start and end in seconds, as 0:10'
                     ) from None
  if not 0 <= first < last < 1e9:
    raise InputError(f'--baseline={text}: the start must come before the end')
  return first, last


def model_of(options: argparse.Namespace) -> Any:
  """The model that names classes; None where none does."""
  if not (options.model or options.emotions):
    return None
  from lightman_jax.bundle.model import load_model
  return load_model(places.expand(options.model) if options.model else None)


def _face_model(options: argparse.Namespace) -> None:
  """Sees to it that faces can be found; offers to fetch what is missing, once."""
  if options.landmarks is not None or detection.has_graphs():
    return
  if not options.fetch:
    offer = ('the face model (1.5 MB under Apache-2.0, out of a download of 36 MB) is '
             'not on this machine')
    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stderr)):
      raise InputError(f'{offer}: add --fetch to download it, or run '
                       f'"{detection.FETCH}" once, or give --landmarks=TABLE')
    print(f'{offer}. Download it now? [y/N] ', end='', file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ('y', 'yes'):
      raise InputError(f'{offer}: run "{detection.FETCH}", or give --landmarks=TABLE')
  if detection.fetch([]):
    raise InputError('the face model could not be downloaded, so faces cannot be '
                     'found; its lines above say why')


# Several videos, one after the other; one that cannot be read has its line.


class Line(NamedTuple):
  """A line of videos.csv."""
  video: str
  folder: str
  frames: int = 0
  looked_at_s: str = ''
  micro: str = ''
  macro: str = ''
  message: str = ''


def _predict_videos(options: argparse.Namespace, model: Any, out: pathlib.Path) -> int:
  lines, failed = [], 0
  folders = folder_names(options.videos)
  for number, (video, folder) in enumerate(zip(options.videos, folders), start=1):
    name = f'{number}/{len(folders)} ' if len(folders) > 1 else ''
    show = _progress(f'{name}{pathlib.Path(video).name}')
    try:
      lines.append(_one_video(options, model, video, out / folder, folder, show))
    except (InputError, Unreadable) as error:
      failed += 1
      message = sentence(error)
      lines.append(Line(video, '', message=message))
      # Most of them begin with the file.
      start = '' if str(places.expand(video)) in message else f'{video}: '
      print(printable(f'{start}{message}'), file=sys.stderr)
  with write_atomically(out / 'videos.csv') as file:
    table = csv.writer(file, lineterminator='\n')
    table.writerows([_VIDEO_COLUMNS, *lines])
  if not failed:
    return 0
  return 2 if failed == len(lines) else 1


def sentence(error: InputError | Unreadable) -> str:
  """What is said of one that cannot be read, in one line, with its code."""
  return f'{error} [{refusals.code_of(error)}]'.replace('\n', ' ')


def folder_names(videos: Sequence[str]) -> list[str]:
  """A folder's name for each video; two of one name are told apart by a number."""
  names: list[str] = []
  for video in videos:
    path = pathlib.Path(video)
    stem = printable(path.stem or path.name or 'video').replace('/', '_')
    stem = stem if stem.strip('.') else 'video'
    name, count = stem, 1
    while name in names:
      count += 1
      name = f'{stem}-{count}'
    names.append(name)
  return names


def _one_video(options, model, video: str, place: pathlib.Path, folder: str, show
               ) -> Line:
  started = clock.monotonic()
  line, made = make_video(options, model, places.expand(video), place, folder, show)
  seconds = clock.monotonic() - started
  for words in summary(made):
    print(printable(words))
  print(printable(f'{counted(line.frames, "frame")} in {seconds:.1f} s '
                  f'({line.frames / max(seconds, 1e-9):.0f} a second); '
                  f'{place / "page.html"}'))
  return line._replace(video=video)


def make_video(options: argparse.Namespace, model: Any, video: str | pathlib.Path,
               place: pathlib.Path, folder: str, show: Callable[[str, float], None]
               ) -> tuple[Line, Any]:
  """Looks at a video and writes all files of it.

  Args:
    options: of the command.
    model: that names classes, or None.
    video: its path.
    place: folder of its files.
    folder: how the line names that.
    show: called with a stage and the share of it that is done.

  Returns:
    Its line, and what was made of it.

  Raises:
    InputError: see `predict_video`.
  """
  from lightman_jax.video import page, writers
  from lightman_jax.video.expressions import predict_video
  made = predict_video(
      video, model, face=options.face, fps=options.fps,
      baseline=options.baseline, start=options.start, end=options.end,
      emotions=model is not None, landmarks=options.landmarks, progress=show,
      causal=options.causal, pictures=options.frames)
  show('', 1.)
  writers.write_expressions(place / 'expressions.csv', made)
  writers.write_frames(place / 'frames.csv', made)
  writers.write_json(place / 'expressions.json', made)
  writers.write_eaf(place / 'expressions.eaf', made)
  page.write_page(place / 'page.html', made)
  if options.annotate:
    from lightman_jax.video.annotated import write_annotated
    write_annotated(place / 'annotated.mp4', made, fps=options.fps)
  looked_at = sum(one.looked_at for one in made.people.values())
  return Line(str(video), folder, len(set(made.frames.frame.tolist())),
              f'{looked_at:.2f}', *(_counts(made, kind) for kind in ('micro', 'macro')),
              '; '.join(made.remarks)), made


def _landmarks(options: argparse.Namespace) -> Any:
  return read_landmarks(places.expand(options.landmarks)) if options.landmarks else None


def _counts(made: Any, kind: str) -> str:
  """Of everyone together: a number only where it can be seen."""
  if not made.people:
    return 'not looked at'
  counts = [one.count(kind) for one in made.people.values()]
  numbers = [int(count) for count in counts if count.isdigit()]
  return str(sum(numbers)) if numbers else 'not assessable'


def summary(made: Any) -> list[str]:
  """Lines on one video for a terminal.

  Args:
    made: of `predict_video`.
  """
  lines = [f'{pathlib.Path(made.video).name}:']
  if not made.people:
    lines.append('  no face was looked at, so nothing is said of expressions')
  for number, one in made.people.items():
    minutes = one.looked_at / 60.
    lines.append(
        f'  person {number}: micro-expressions {one.count("micro")}, '
        f'macro-expressions {one.count("macro")} in {minutes:.2f} minutes looked at; '
        f'threshold from {one.calibrated_on}')
  lines += [f'  {remark}' for remark in made.remarks]
  return lines


def _progress(name: str) -> Callable[[str, float], None]:
  """A line that shows how far a video is, and how long it still takes."""
  now = clock.monotonic()
  state: dict[str, Any] = {'wide': 0, 'last': now, 'begun': now, 'stage': ''}

  def show(stage: str, share: float) -> None:
    if not stage:
      if state['wide']:
        print('\r' + ' ' * state['wide'] + '\r', end='', file=sys.stderr, flush=True)
      state['wide'] = 0
      return
    now = clock.monotonic()
    begins = stage != state['stage']
    if begins:
      state['stage'], state['begun'] = stage, now
    left = None if begins or share < .01 else (
        (now - state['begun']) * (1. - share) / share)
    words = f'{name}: {stage} {share:.0%}'
    words += '' if left is None else f', {duration(left)} left'
    if sys.stderr.isatty():
      print('\r' + printable(words).ljust(state['wide']), end='', file=sys.stderr,
            flush=True)
      state['wide'] = max(state['wide'], len(words))
    elif begins or now - state['last'] > 10.:      # in a file a line now and then
      state['last'] = now
      print(printable(words), file=sys.stderr, flush=True)
  return show


def duration(seconds: float) -> str:
  """A time as people say it, as '3 min 20 s'.

  Args:
    seconds: how long.
  """
  minutes, rest = divmod(round(seconds), 60)
  return f'{minutes} min {rest} s' if minutes else f'{rest} s'


# Clips that are cut already.


def _predict_clips(options: argparse.Namespace, model: Any,
                   rows: Sequence[tuple[str, int, int, int]], out: pathlib.Path) -> int:
  from lightman_jax.faces.apex import sample_frames
  from lightman_jax.video.expressions import frames_of
  header = [*CLIP_COLUMNS, 'class', 'set', *(f'p_{name}' for name in model.classes),
            'message']
  written, failed = [], 0
  for path, onset, apex, offset in rows:
    base = places.expand(options.clips).parent
    try:
      wanted = sample_frames(onset, apex, offset, frames=model.about['frames'])
      pictures = {frame.number: frame.picture for frame in frames_of(
          base / path, wanted, fps=options.fps)}
      prediction = model.predict_frames(pictures.__getitem__, onset=onset, apex=apex,
                                        offset=offset)
      sets = prediction.sets
      written.append([path, onset, apex, offset, prediction.classes[0],
                      '' if sets is None else '|'.join(sets[0]),
                      *(f'{p:.4f}' for p in prediction.probabilities[0]), ''])
    except (InputError, Unreadable) as error:
      failed += 1
      message = sentence(error)
      written.append([path, onset, apex, offset, '', '',
                      *[''] * len(model.classes), message])
      print(printable(f'{path}: {message}'), file=sys.stderr)
  with write_atomically(out / 'predictions.csv') as file:
    csv.writer(file, lineterminator='\n').writerows([header, *written])
  print(printable(f'{len(rows) - failed} of {counted(len(rows), "clip", "is", "are")} '
                  f'in {out / "predictions.csv"}'))
  if not failed:
    return 0
  return 2 if failed == len(rows) else 1
