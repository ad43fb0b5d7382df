"""How subject, clip and frame become a path on a disk that nobody has tidied.

Case, Unicode form and zero padding are learned from the disk; folders that unzipping
nested are found. What a sheet says is never trusted as a path: a name that leads out of
the data set's tree, or that is the name of an archive, is refused, and so is a symbolic
link below the tree's root that points out of it. The root itself may be a link.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
import os
import pathlib
import re
import string
import unicodedata

from lightman_jax.errors import Reason, Unreadable

# What is a picture and what a video is told by the endings of names.
PICTURES = frozenset({'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp'})
VIDEOS = frozenset({'.avi', '.mp4', '.mov', '.mkv', '.mpg', '.mpeg', '.wmv', '.webm'})
ARCHIVES = ('.zip', '.rar', '.7z', '.tar', '.gz', '.tgz', '.bz2', '.xz', '.zst')
_DEEPEST, _MOST = 4, 5000       # of the folders in which a nested root is looked for
_PADDING = re.compile(r'(?<![0-9])0+(?=[0-9])')


def fold_name(name: str) -> str:
  """The name in the one form in which names are compared: `Sub01` is `sub1`."""
  return _PADDING.sub('', unicodedata.normalize('NFC', name).casefold())


def is_folder(entry: os.DirEntry) -> bool:
  """Whether it is a folder or a link to one; a link to itself is neither."""
  try:
    return entry.is_dir()
  except OSError:
    return False


def is_file(entry: os.DirEntry) -> bool:
  """Whether it is a file or a link to one: no pipe, from which reading never ends."""
  try:
    return entry.is_file()
  except OSError:
    return False


def form_of(path: str | os.PathLike) -> str:
  """What a path of a manifest is: 'folder', 'picture', 'video', or '' for neither."""
  if os.path.isdir(path):
    return 'folder'
  ending = os.path.splitext(path)[1].lower()
  return ('picture' if ending in PICTURES else 'video' if ending in VIDEOS else '')


def folder_names(pattern: str, fields: dict[str, object]) -> tuple[str, ...]:
  """Fills a format string such as '{folder}/{filename}', and divides it into names.

  Args:
    pattern: over the fields of a `Row`; the last part may end in '*'.
    fields: what fills it.

  Raises:
    Unreadable: a name is empty, leads upwards, is no file name or that of an archive.
  """
  names = tuple(pattern.format(**fields).split('/'))
  for name in names:
    bare = name.removesuffix('*').strip()
    if (bare in ('', '.', '..') or '\\' in name
        or any(unicodedata.category(letter) in ('Cc', 'Cs') for letter in name)):
      raise Unreadable(Reason.BAD_NAME, name=name, names='/'.join(names))
    if bare.casefold().endswith(ARCHIVES):
      raise Unreadable(Reason.ARCHIVE, name=name)
  return names


class Tree:
  """The folders below a root, each read once.

  Args:
    root: holds the data set's folders.
    taken: paths below the root that belong to some clip exactly as its sheet spells
      it; no other clip comes to lie there because its name is much alike.
  """

  def __init__(self, root: str | os.PathLike, taken: frozenset[str] = frozenset()):
    self.root = pathlib.Path(root)
    self._real = os.path.realpath(root)
    self._taken = taken
    self._held: dict[pathlib.Path, dict[str, list[str]]] = {}

  def folder(self, names: tuple[str, ...]) -> pathlib.Path:
    """Returns the folder that these names lead to; the last may end in '*'.

    Raises:
      Unreadable: there is none, or more than one; says where the search ended.
    """
    place = self.root
    for depth, name in enumerate(names):
      matches = self._step(place, name, names[:depth])
      if not matches and name.endswith('*'):
        matches = self._elsewhere(place, name)
      if not matches:
        names_in_words = '/'.join(names)
        if depth + 1 < len(names):
          raise Unreadable(Reason.NO_FOLDER_ABOVE, names=names_in_words,
                           folder=self.root, above='/'.join(names[:depth + 1]))
        raise Unreadable(Reason.NO_FOLDER, names=names_in_words, folder=self.root)
      if len(matches) > 1:
        raise Unreadable(Reason.TWO_FOLDERS, one=matches[0].name,
                         other=matches[1].name, folder=matches[0].parent, name=name)
      place = matches[0]
    self.check(place)
    return place

  def check(self, path: str | os.PathLike) -> None:
    """Raises `Unreadable` where a path, its links followed, lies outside the tree."""
    real = os.path.realpath(path)
    if os.path.commonpath([real, self._real]) != self._real:
      raise Unreadable(Reason.LINK, path=os.fspath(path), target=real, root=self.root)

  def children(self, place: pathlib.Path) -> dict[str, list[str]]:
    """The folders in a folder, by their folded names; none where it is not there."""
    if place not in self._held:
      folders = defaultdict(list)
      try:
        with os.scandir(place) as entries:
          for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.name.startswith('.') and is_folder(entry):
              folders[fold_name(entry.name)].append(entry.name)
      except OSError:
        pass
      self._held[place] = dict(folders)
    return self._held[place]

  def _step(self, place, name, before) -> list[pathlib.Path]:
    """The children of a folder that bear a name; or of one that unzipping nested."""
    children, matches = self.children(place), []
    if name.endswith('*'):
      start = fold_name(name[:-1])
      matches = [child for key, names in children.items() for child in names
                 if key.startswith(start) and not key[len(start):][:1].isdigit()]
    elif name in children.get(fold_name(name), ()):
      matches = [name]
    else:
      matches = [child for child in children.get(fold_name(name), ())
                 if '/'.join((*before, child)) not in self._taken]
    nested = place.name in children.get(fold_name(place.name), ())
    if not matches and place != self.root and nested:
      return self._step(place / place.name, name, before)
    return [place / child for child in matches]

  def _elsewhere(self, place, name) -> list[pathlib.Path]:
    """A folder that was filed under another subject: its own name tells whose it is."""
    return [folder for names in self.children(place.parent).values() for other in names
            if place.parent / other != place and place != self.root
            for folder in self._step(place.parent / other, name, ())]


def walk_folders(tops: list[pathlib.Path], skip: frozenset[str] = frozenset()
                 ) -> Iterator[tuple[pathlib.Path, list[str], list[str]]]:
  """Yields folders, the nearest first, with their folders and files, not too deep.

  Args:
    tops: where to begin.
    skip: folded names of folders, right below the tops, that are left alone.
  """
  level, visited = [top for top in tops if top.is_dir()], 0
  for depth in range(_DEEPEST + 1):
    deeper = []
    for place in level:
      if visited == _MOST:
        return
      visited += 1
      try:
        with os.scandir(place) as entries:
          listed = sorted(entries, key=lambda entry: entry.name)
      except OSError:
        continue
      folders = [entry.name for entry in listed
                 if not entry.name.startswith('.') and is_folder(entry)
                 and not (depth == 0 and fold_name(entry.name) in skip)]
      yield place, folders, [entry.name for entry in listed if is_file(entry)]
      deeper += [place / name for name in folders]
    level = deeper


def pattern_of(text: str, known: Mapping[str, str]) -> re.Pattern | None:
  """A pattern for the names of folders out of a part of `Frames.folder`.

  Args:
    text: '{folder}' or 'spNO.{subject}'; '' for the folder itself.
    known: patterns of the fields that have one; another field may be anything.

  Returns:
    None where any name would do.
  """
  spelt, telling = '', False
  for literal, field, _, _ in string.Formatter().parse(text.removesuffix('*')):
    spelt += re.escape(literal) + ('' if field is None else known.get(field, '[^/]+'))
    telling |= bool(literal) or field in known
  if not telling:
    return None
  return re.compile(spelt + ('.*' if text.endswith('*') else ''), re.IGNORECASE)


def numbers_in(text: str) -> str:
  """A pattern for what a format string makes of a number: of 's{:02d}' s and digits."""
  return ''.join(re.escape(literal) + ('' if field is None else '[0-9]+')
                 for literal, field, _, _ in string.Formatter().parse(text))
