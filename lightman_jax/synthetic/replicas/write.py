"""A replica is written: its sheets and its trees of frames."""

from collections import Counter
from collections.abc import Sequence
import csv
import importlib
import io
import os
import pathlib
import sys

import openpyxl

from lightman_jax import places
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.faces.apex import sample_frames
from lightman_jax.files import all_or_nothing, write_atomically
from lightman_jax.options import check_seed, suggestion
from lightman_jax.synthetic.replicas import (
  casme,
  casme_squared,
  dfme,
  draw,
  mmew,
  posed,
  samm,
  smic,
  videos as whole_videos,
)
from lightman_jax.synthetic.replicas.draw import Book, Clip, Film
from lightman_jax.units import counted

# All data sets that can be made up, by the name under which they are built.

REPLICAS = {
    'casme': casme.REPLICA,
    'casme2': casme.SECOND_REPLICA,
    'casme_squared': casme_squared.REPLICA,
    'casme_cubed': casme_squared.PART_A,
    'casme_cubed_c': casme_squared.PART_C,
    'dfme': dfme.REPLICA,
    'four_dme': dfme.FOUR_DME,
    'mmew': mmew.REPLICA,
    'samm': samm.REPLICA,
    'samm_long': samm.LONG_REPLICA,
    'smic': smic.REPLICA,
    'smic_vis': smic.REPLICA,     # one tree holds all three cameras
    'smic_nir': smic.REPLICA,
    'smic_long': smic.LONG_REPLICA,
    'ck_plus': posed.CK_PLUS,
    'oulu_casia': posed.OULU_CASIA,
    'mug': posed.MUG,
    'jaffe': posed.JAFFE,
    'kdef': posed.KDEF,
    'rafd': posed.RAFD,
    'yale': posed.YALE,
    'mmew_macro': mmew.REPLICA,   # one tree holds both
}


# Annotation sheets are written: xlsx, csv, and the old binary xls.

FORMS = ('xlsx', 'xls', 'csv')


def write_book(folder: pathlib.Path, book: Book, form: str) -> None:
  """Writes a workbook, or its first tab as csv, into a folder.

  Args:
    folder: made where it is missing.
    book: the sheets.
    form: 'xlsx', 'xls' or 'csv'.

  Raises:
    InputError: an xls file is asked for, and xlwt is not installed.
  """
  with write_atomically(folder / f'{book.stem}.{form}', 'wb') as file:
    file.write({'xlsx': _xlsx, 'xls': _xls, 'csv': _csv}[form](book))


def check_form(form: str) -> None:
  """Says at once what is lacking to write a form.

  Args:
    form: 'xlsx', 'xls' or 'csv'.

  Raises:
    InputError: as `write_book`, or the form is unknown.
  """
  if form not in FORMS:
    raise InputError(f'{form!r} is no form of a sheet; choose one of '
                     f'{", ".join(FORMS)}.')
  if form == 'xls':
    _xlwt()


def _xlsx(book: Book) -> bytes:
  workbook = openpyxl.Workbook()
  workbook.remove(workbook.active)
  for tab in book.tabs:
    sheet = workbook.create_sheet(tab.title)
    for line in tab.lines:
      sheet.append([None if cell == '' else cell for cell in line])
  content = io.BytesIO()
  workbook.save(content)
  return content.getvalue()


def _xls(book: Book) -> bytes:
  workbook = _xlwt().Workbook()
  for tab in book.tabs:
    sheet = workbook.add_sheet(tab.title)
    for row, line in enumerate(tab.lines):
      for column, cell in enumerate(line):
        if cell != '':
          sheet.write(row, column, cell)
  content = io.BytesIO()
  workbook.save(content)
  return content.getvalue()


def _csv(book: Book) -> bytes:
  text = io.StringIO(newline='')
  csv.writer(text, lineterminator='\r\n').writerows(book.tabs[0].lines)
  return text.getvalue().encode('utf-8-sig')


def _xlwt():
  # Unmaintained, so no requirement: it comes with the extra for tests.
  try:
    return importlib.import_module('xlwt')
  except ImportError:
    raise InputError(
        'an xls file is written by xlwt, which is not installed; '
        "pip install 'lightman_jax[test]' brings it, or choose another form (xlsx, "
        'csv).') from None


# A replica is written: sheets and trees of frames.

_REEL = 9       # instants of a face, where all frames are written


def write_replica(
    name: str, folder: str | os.PathLike, *, edition: str = '',
    sheets: Sequence[str] = (), form: str = '', per_class: int = 0, frames: int = 0,
    nested: int = 0, root: str = '', size: tuple[int, int] | None = None,
    seed: int = 0, draw_each: bool = False, videos: int = 0,
    progress=lambda stage, done, total: None,
) -> int:
  """Writes sheets and frames; returns the number of clips.

  Args:
    name: a key of `REPLICAS`.
    folder: an empty or new folder, to be given as `manual_dir`.
    edition: of the pictures, 'cropped' or 'raw'; '' = the data set's usual one.
    sheets: which editions of the annotations; () = all.
    form: 'xlsx', 'xls' or 'csv'; '' = as the data set is handed out.
    per_class: at most so many ordinary clips of each emotion beside the odd ones; 0 =
      all.
    frames: only those frames that a build with so many needs; 0 = onset to offset.
      Of a clip whose apex the sheet does not give, all frames are needed; one that has
      no row at all becomes so long.
    nested: how often the tree lies in a folder of its own name, as after unzipping.
    root: another name of the tree that is in use; '' = the usual one.
    size: width and height of a frame in pixels; by default a tenth of the real ones,
      but not below 64.
    seed: another seed, other people and frame numbers.
    draw_each: every clip's frames are drawn for itself, rather than shared by all clips
      of a person in one mood; slow.
    videos: of a data set of long videos only so many, each drawn from one second before
      its first expression to one after its last, with a table of landmarks beside the
      tree; slow. 0: clips alone.
    progress: called with 'replica', clips done, and clips in all.

  Raises:
    InputError: the folder is not empty, or a word is unknown.
  """
  replica = REPLICAS[_known('replica', name, REPLICAS)]
  _check(frames, size)
  _check_counts(per_class, nested, videos, seed)
  usual = 'raw' if videos else next(iter(replica.editions))
  edition = _known('edition', edition or usual, replica.editions)
  tree_form = replica.editions[edition]
  root = _known('root', root or tree_form.roots[0], tree_form.roots)
  clips = replica.clips(seed)
  clips = _fewer(clips, per_class) if per_class else clips
  if videos:
    clips = _of_videos(name, replica, clips, edition, videos)
  books = replica.books(clips) if replica.books else {}
  books = {word: books[_known('sheet', word, books)] for word in sheets or books}
  check_form(form or replica.form)
  folder = _empty(folder)
  place = folder.joinpath(root, *[pathlib.PurePath(root).name] * nested)
  options = {'seed': seed, 'size': size or _small(tree_form.size), 'frames': frames,
             'draw_each': draw_each, 'videos': videos, 'progress': progress}
  with all_or_nothing(folder):
    for book in (book for files in books.values() for book in files):
      write_book(folder, book, form or replica.form)
    _write_films(name, place, replica, replica.films(clips, edition),
                 aligned=tree_form.aligned, **options)
    _write_beside(folder, replica, clips, min(options['size']))
  return len(clips)


def _write_films(name, place, replica, films, *, seed, size, frames, draw_each, videos,
                 progress, aligned) -> None:
  """Frames of whole videos, or of clips alone."""
  if videos:
    whole_videos.write_videos(
        place, [film for film in films if film.folder], fps=whole_videos.RATES[name],
        seed=f'{name}:{seed}', size=size, progress=progress)
    return
  if not replica.books and frames:
    films = tuple(film if film.fixed else film._replace(
        clip=_short(film.clip, frames)) for film in films)
  show = _projector(films, {'seed': f'{name}/{seed}', 'size': size, 'aligned': aligned},
                    frames, draw_each)
  for done, film in enumerate(films):
    progress('replica', done, len(films))
    _write_film(place, film, frames, show)
  progress('replica', len(films), len(films))


def _of_videos(name: str, replica: draw.Replica, clips: tuple[Clip, ...], edition: str,
               count: int) -> tuple[Clip, ...]:
  if name not in whole_videos.RATES or count < 0 or edition != 'raw':
    raise InputError(f'whole videos are drawn of {", ".join(whole_videos.RATES)}, one '
                     f'or more, in the raw edition; {count} of {name}, {edition}, are '
                     'none of that')
  folders = {film.folder for film in whole_videos.films_of_videos(
      replica.films(clips, edition), count)}
  return tuple(clip for clip in clips if any(
      film.folder in folders for film in replica.films((clip,), edition)))


def _write_beside(folder: pathlib.Path, replica: draw.Replica, clips: tuple[Clip, ...],
                  side: int) -> None:
  texts = replica.texts(clips, side) if replica.texts else {}
  for path, text in {**texts, **dict.fromkeys(replica.litter, 'made up')}.items():
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def _check(frames: int, size: tuple[int, int] | None) -> None:
  if frames:
    sample_frames(0, 1, 2, frames=frames)     # says what is wrong with the number
  if size and not all(8 <= side <= 4096 for side in size):
    raise InputError(f'size is {size[0]} x {size[1]}; give a width and a height '
                     'between 8 and 4096 pixels.')


def _check_counts(per_class: int, nested: int, videos: int, seed: int) -> None:
  check_seed(seed)
  for what, number in (('clips-per-class', per_class), ('nested', nested),
                       ('videos', videos)):
    if number < 0:
      raise InputError(f'{what} is {number}; give 0 or more')


def _known(thing: str, word: str, words) -> str:
  if word not in words:
    raise InputError(f'{word!r} is no {thing}{suggestion(word, words)}.')
  return word


def _empty(folder: str | os.PathLike) -> pathlib.Path:
  folder = places.expand(folder)
  if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
    raise InputError(f'{folder} is not an empty folder; name a new one.')
  return folder


def _fewer(clips: tuple[Clip, ...], per_class: int) -> tuple[Clip, ...]:
  """Keeps the odd rows and, spread over subjects, some of each emotion."""
  rank, taken, kept = Counter(), Counter(), set()
  order = []
  for index, clip in enumerate(clips):
    rank[clip.subject] += 1
    order.append((rank[clip.subject], index))
  for _, index in sorted(order):
    clip = clips[index]
    key = clip.emotion.casefold(), clip.kind, clip.part
    if clip.odd or taken[key] < per_class:
      kept.add(index)
      taken[key] += not clip.odd
  return tuple(clip for index, clip in enumerate(clips) if index in kept)


def _small(size: tuple[int, int]) -> tuple[int, int]:
  scale = max(10 / 100, 64 / min(size))
  return round(scale * size[0]), round(scale * size[1])


def _short(clip: Clip, frames: int) -> Clip:
  return clip._replace(apex=clip.onset + frames // 2, offset=clip.onset + frames - 1)


def _projector(films: tuple[Film, ...], options, frames: int, draw_each: bool):
  people = list(dict.fromkeys(film.clip.subject for film in films))
  if not draw_each:
    return draw.share_pictures(people, **options, steps=max(3, frames or _REEL))
  often = Counter((film.clip.subject, film.clip.kind, draw.mood_of(film.clip))
                  for film in films)
  return draw.draw_pictures(people, **options, takes=max(often.values()))


def _write_film(place: pathlib.Path, film: Film, frames: int, show) -> None:
  if not film.folder:
    return
  clip, folder = film.clip, place / film.folder
  numbers = range(clip.onset, clip.offset + 1)
  if frames and not clip.whole:
    numbers = dict.fromkeys(
        sample_frames(clip.onset, clip.apex, clip.offset, frames=frames))
  numbers = [number for number in numbers if number not in film.gone]
  folder.mkdir(parents=True, exist_ok=True)
  for number, code in zip(numbers, show(film, numbers)):
    (folder / film.pattern.format(number)).write_bytes(code)


# The command `replica`.

@refusing('replica')
def replica(arguments: list[str]) -> int:
  """python -m lightman_jax replica NAME DIR: writes a made-up data set."""
  parser = Parser(
      prog='python -m lightman_jax replica',
      description='Writes a made-up data set in the layout of the real one, to be '
                  'given as manual_dir.')
  parser.add_argument('name', choices=list(REPLICAS))
  parser.add_argument('folder', help='a new or empty folder')
  parser.add_argument('--edition', default='', help='cropped or raw')
  parser.add_argument('--sheets', nargs='+', default=(), metavar='SHEET',
                      help='editions of the annotations, as 2014; default: all')
  parser.add_argument('--form', choices=['xlsx', 'xls', 'csv'], default='',
                      help='of the sheets; default: as the data set is handed out')
  parser.add_argument('--clips-per-class', dest='per_class', type=int, default=0,
                      help='so many of each class beside the odd ones; 0: all')
  parser.add_argument('--frames', type=int, default=0,
                      help='only what a build with so many frames reads; 0: all')
  parser.add_argument('--size', nargs=2, type=int, metavar=('WIDTH', 'HEIGHT'),
                      help='width and height of a frame in pixels, as --size 640 480; '
                           'default: small')
  parser.add_argument('--nested', nargs='?', type=int, const=1, default=0,
                      metavar='TIMES', help='put the tree into a folder of its name')
  parser.add_argument('--root', default='', help='another name of the tree')
  parser.add_argument('--draw_each', action='store_true',
                      help='no two clips share pictures; slow')
  parser.add_argument('--videos', type=int, default=0,
                      help='of long videos only so many, each drawn whole; slow')
  parser.add_argument('--seed', type=int, default=0)
  options = vars(parser.parse_args(arguments))
  name, folder = options.pop('name'), options.pop('folder')
  options['size'] = tuple(options['size']) if options['size'] else None
  count = write_replica(name, folder, progress=_show, **options)
  print(f'{folder}: {name}, {counted(count, "clip")} of people who do not exist.')
  if options['frames']:
    print('Of each clip there are the frames that build and doctor read by --frames='
          f'{options["frames"]}, and no others.')
  return 0


def _show(stage: str, done: int, total: int) -> None:
  if sys.stderr.isatty():
    end = '\n' if done == total else ''
    print(f'\r{stage} {done}/{total}', end=end, file=sys.stderr, flush=True)
