"""Ways in which a tree of frames gets damaged, or was never whole.

Every operation changes the tree below `Place.root`. Pictures are moved and linked,
never copied, so that whose picture a file holds can be told from its inode; a picture
that is written anew is nobody's.
"""

import os
import pathlib
import shutil
import struct
from typing import NamedTuple
import zlib


class Place(NamedTuple):
  """A tree, and a folder that does not belong to it."""
  root: pathlib.Path
  clips: tuple[pathlib.Path, ...]     # folders of frames, below the root
  outside: pathlib.Path
  names_tell: bool                          # names of clips tell whose they are


def lose_frames(place: Place, rng) -> None:
  """Single pictures are gone."""
  for file in _files(place, rng, int(rng.integers(1, 6))):
    file.unlink()


def lose_clips(place: Place, rng) -> None:
  """Folders of frames are gone."""
  for folder in _some(place, rng, 3):
    shutil.rmtree(folder)


def lose_subject(place: Place, rng) -> None:
  """All clips of a subject are gone."""
  for folder in _some(place, rng, 1):
    shutil.rmtree(folder.parent)


def cut_files(place: Place, rng) -> None:
  """Pictures are cut short, or emptied."""
  for file in _files(place, rng, 3):
    content = file.read_bytes()
    _anew(file, content[:int(rng.integers(len(content) + 1))])


def scramble_files(place: Place, rng) -> None:
  """Bytes within pictures are others."""
  for file in _files(place, rng, 3):
    content = bytearray(file.read_bytes() or b'0')
    for spot in rng.integers(len(content), size=int(rng.choice([1, 5, 50]))):
      content[spot] = rng.integers(256)
    _anew(file, bytes(content))


def huge_pictures(place: Place, rng) -> None:
  """Pictures of an absurd size, in a file of a few bytes."""
  for file in _files(place, rng, 2):
    side = int(rng.choice([20_000, 65_000, 2**31 - 1, 0]))
    head = struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)
    _anew(file, b'\x89PNG\r\n\x1a\n' + _chunk(b'IHDR', head)
          + _chunk(b'IDAT', zlib.compress(b'\0' * 10_000)) + _chunk(b'IEND', b''))


def other_sizes(place: Place, rng) -> None:
  """A picture is smaller than its neighbours."""
  head = struct.pack('>IIBBBBB', 3, 2, 8, 2, 0, 0, 0)
  picture = (b'\x89PNG\r\n\x1a\n' + _chunk(b'IHDR', head)
             + _chunk(b'IDAT', zlib.compress(b'\0' * 20)) + _chunk(b'IEND', b''))
  for file in _files(place, rng, 1):
    _anew(file, picture)


def repad(place: Place, rng) -> None:
  """Numbers get other zeros."""
  for folder in _some(place, rng, 2):
    for file in _pictures(folder):
      stem = file.stem.rstrip('0123456789')
      digits = (file.stem[len(stem):].lstrip('0') or '0').zfill(int(rng.integers(9)))
      _move(file, folder / f'{stem}{digits}{file.suffix}')


def double_numbers(place: Place, rng) -> None:
  """Two pictures of one number."""
  for file in _files(place, rng, 2):
    stem = file.stem.rstrip('0123456789')
    twin = file.with_name(f'{stem}000{file.stem[len(stem):]}{file.suffix}')
    if not twin.exists():
      os.link(file, twin)


def rename_files(place: Place, rng) -> None:
  """Pictures get names that no one foresees."""
  names = ('img.jpg', 'img 46.jpg', 'IMG46.JPG', 'img46.jpg.part', '46', 'img-46.jpg',
           'img46 (1).jpg', 'img٤٦.jpg', 'img46²', 'x' * 200 + '1.jpg',
           '9' * 240 + '.jpg', '[46].jpg', '\x1b[31m46.jpg', 'a\n46.jpg',
           os.fsdecode(b'\xff\xfe46.jpg'))
  for file in _files(place, rng, 3):
    _move(file, file.with_name(names[rng.integers(len(names))]))


def strangers(place: Place, rng) -> None:
  """Files and folders that programs leave behind."""
  names = ('Thumbs.db', '.DS_Store', '._reg_img46.jpg', 'desktop.ini', 'notes.txt',
           'reg_img46.jpg.tmp', '__MACOSX/x.jpg', 'sub99/EP01_01/img1.jpg',
           'img7.jpg/img7.jpg', os.fsdecode(b'\xff\xfe/\xff1.jpg'))
  for parent in (place.root, *_some(place, rng, 2)):
    path = parent / names[rng.integers(len(names))]
    if not path.parent.is_file() and not path.exists():
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_bytes(b'')


def not_files(place: Place, rng) -> None:
  """A pipe, a socket's name or a folder stands where a picture should."""
  for file in _files(place, rng, 2):
    file.unlink()
    if rng.random() < .5:
      os.mkfifo(file)
    else:
      file.mkdir()


def link_files(place: Place, rng) -> None:
  """Pictures are links: to nothing, in a circle, to another place."""
  for file in _files(place, rng, 2):
    target = (place.outside / 'secret.jpg', pathlib.Path('nowhere'), file,
              pathlib.Path('/dev/zero'))[rng.integers(4)]
    file.unlink()
    file.symlink_to(target)


def link_folders(place: Place, rng) -> None:
  """Folders are links to another place, or to themselves."""
  for folder in _some(place, rng, 2):
    moved = place.outside / f'{folder.name}{rng.integers(10**9)}'
    folder.rename(moved)
    folder.symlink_to(moved if rng.random() < .7 else folder)


def nest_root(place: Place, rng) -> None:
  """Unzipping put the tree into a folder of its own name, or of another."""
  name = place.root.name if rng.random() < .7 else 'unzipped'
  aside = place.root.with_name('aside')
  place.root.rename(aside)
  place.root.mkdir()
  aside.rename(place.root / name)


def nest_clips(place: Place, rng) -> None:
  """A folder of frames stands in a folder of its own name."""
  for folder in _some(place, rng, 2):
    aside = folder.with_name('aside')
    folder.rename(aside)
    folder.mkdir()
    aside.rename(folder / folder.name)


def rename_root(place: Place, rng) -> None:
  """The tree has another name."""
  name = (place.root.name.upper(), place.root.name + ' (1)', 'frames')[rng.integers(3)]
  _move(place.root, place.root.with_name(name))


def rename_clips(place: Place, rng) -> None:
  """Folders of frames have other names."""
  for folder in _some(place, rng, 3):
    name = (folder.name.upper(), folder.name + ' ', folder.name + '_copy', '..x', '[x]',
            folder.name.lower(), '\x1b[2J')[rng.integers(7)]
    _move(folder, folder.with_name(name))


def misfile_clips(place: Place, rng) -> None:
  """A clip lies with another subject."""
  for folder in _some(place, rng, 2):
    other = place.clips[rng.integers(len(place.clips))].parent / folder.name
    if other.parent.is_dir() and (place.names_tell or not _claimed(place, other)):
      _move(folder, other)


def exchange_clips(place: Place, rng) -> None:
  """Two clips have changed places; only where their names tell whose they are."""
  chosen = _some(place, rng, 2)
  if place.names_tell and len(set(chosen)) == 2:
    first, second = chosen
    first_home, second_home = first.parent, second.parent
    _move(first, second_home / first.name)
    _move(second, first_home / second.name)


OPERATIONS = (
    lose_frames, lose_frames, lose_clips, lose_subject, cut_files, scramble_files,
    huge_pictures, other_sizes, repad, double_numbers, rename_files, strangers,
    not_files, link_files, link_folders, nest_root, nest_clips, rename_root,
    rename_clips, misfile_clips, exchange_clips)


def _claimed(place, path):
  """Whether a row may name this path: then no one could tell that it is another's."""
  return path in place.clips


def _some(place, rng, most):
  here = [folder for folder in place.clips
          if folder.is_dir() and not folder.is_symlink()]
  count = min(len(here), int(rng.integers(1, most + 1)))
  return [here[i] for i in rng.choice(len(here), count, replace=False)] if here else []


def _files(place, rng, most):
  chosen_files = []
  for folder in _some(place, rng, most):
    files = _pictures(folder)
    chosen_files += [files[rng.integers(len(files))]] if files else []
  return chosen_files


def _pictures(folder):
  return sorted(path for path in folder.iterdir()
                if path.is_file() and not path.is_symlink())


def _anew(file, content):
  file.unlink()
  file.write_bytes(content)


def _move(path, target):
  if not target.exists() and not target.is_symlink() and path.exists():
    path.rename(target)


def _chunk(kind, data):
  return (struct.pack('>I', len(data)) + kind + data
          + struct.pack('>I', zlib.crc32(kind + data)))
