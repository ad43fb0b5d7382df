"""Flow pictures in the layouts of the field, and how they came about.

`ststnet` is the layout that the code of STSTNet (Liong et al. 2019), and of those that
build on it, reads: SUBJECT/u_train/LABEL/*.png and SUBJECT/u_test/LABEL/*.png, labels
as numbers, each person's clips once for testing and once in everybody else's training.
`npz` is one file of arrays. Beside either lies `flow.json`: algorithm, crop, order of
the channels, encoding of the values, size, what was taken off, versions, and the clips.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import csv
import filecmp
import json
import os
import pathlib
import re
import shutil
from typing import Any, NamedTuple

import cv2
from jaxtyping import Float32, UInt8
import numpy as np

from lightman_jax import bounded
from lightman_jax.data.frames import read_picture
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError, Unreadable
from lightman_jax.faces import dense_flow
from lightman_jax.files import all_or_nothing, write_atomically
from lightman_jax.inputs import inputs
from lightman_jax.units import counted, short_repr

LAYOUTS = ('ststnet', 'npz')
FACTS, ARRAYS, MANIFEST, COPIES = 'flow.json', 'flow.npz', 'manifest.csv', 'pictures'
FORMAT = 'flow pictures of lightman_jax, 1'
ENCODING = ('uint8: each channel of each picture is stretched so that its least value '
            'is 0 and its greatest 255')
# What is known of ready pictures only by a flow.json beside them.
ORIGIN = ('algorithm', 'parameters', 'crop', 'stabilise', 'mask', 'made_with')
COLUMNS = ('clip', 'subject', 'dataset', 'label', 'kind')


class Pictures(NamedTuple):
  """N flow pictures, channels u, v, strain, and what is known of them."""
  x: UInt8[np.ndarray, 'N h w 3']
  flow: Float32[np.ndarray, 'N h w 3'] | None   # pixels of a frame; None: not known
  clips: tuple[dict[str, str], ...]             # `COLUMNS` of each
  facts: dict[str, Any]                         # as flow.json says them
  __repr__ = short_repr


def flow_pictures(clips: ClipSet, how: inputs.Settings,
                  known: Mapping[str, Any] | None = None, *, version: str) -> Pictures:
  """The flow pictures of all clips: those of frames are made, ready ones are as stored.

  Args:
    clips: the data set.
    how: of its flow; the apex alone is taken.
    known: what a flow.json says of ready pictures.
    version: of this package.

  Raises:
    InputError: their flow cannot be made.
  """
  how = how._replace(kind='picture', span='apex', holds='flow', centre='none',
                     unit='none')
  ready, flow = clips.frames.shape[1] == 1, None
  if ready:
    x = np.concatenate([clips.frames[number] for number in range(len(clips.clip))])
    origin = {**dict.fromkeys(ORIGIN, 'unknown'),
              **{name: (known or {})[name] for name in ORIGIN if name in (known or {})}}
  else:
    flow = np.concatenate([*inputs.iterate_inputs(clips, how._replace(kind='flow'))])
    x = np.concatenate([inputs.as_picture(one[None]) for one in flow])
    origin = {
        'algorithm': how.algorithm, 'parameters': _parameters(how.algorithm),
        'crop': describe_crop(clips.info), 'stabilise': how.stabilise, 'mask': how.mask,
        'made_with': {'lightman_jax': version, 'opencv': cv2.__version__,
                      'numpy': np.__version__}}
  labels = [clips.classes[k] if k >= 0 else emotion
            for k, emotion in zip(clips.label, clips.emotion)]
  rows = zip(clips.clip, clips.subject, clips.datasets, labels,
             np.where(clips.macro, 'macro', 'micro').tolist())
  facts = {
      'format': FORMAT, **origin, 'between': 'onset and apex', 'encoding': ENCODING,
      'size': list(x.shape[2:0:-1]), 'classes': list(clips.classes),
      'data': {name: clips.info[name] for name in (
          'dataset', 'config', 'class_set', 'sheet', 'sha256') if name in clips.info}}
  return Pictures(x, flow, tuple(dict(zip(COLUMNS, row)) for row in rows), facts)


def describe_crop(info: Mapping[str, Any]) -> str:
  """What of the recording is in the frames that flow was computed on.

  Args:
    info: of a `ClipSet`.
  """
  dataset, config = info.get('dataset', ''), info.get('config', '')
  if dataset == 'synthetic':
    return f'faces drawn by lightman_jax, which fill the frame ({config})'
  if dataset == 'manifest':
    return f'the whole picture of each path of the manifest ({config})'
  if 'raw' in config or 'selected' in config:
    return (f'aligned by 68 landmarks of the onset to a mean face, by a '
            f'similarity transform ({config})' if '-points' in config
            else f'the largest square in the middle of the recording ({config})')
  return f'as the data set cuts its faces, or as its build says ({config})'


def _parameters(algorithm: str) -> dict[str, Any]:
  return {'dis': dense_flow.DIS, 'farneback': dense_flow.FARNEBACK,
          'tvl1': dense_flow.TVL1}[algorithm]


def order_of(channels: str) -> tuple[str, ...]:
  """The channels that a word lists, as 'strain,v,u'.

  Raises:
    InputError: they are not each of u, v and strain once.
  """
  order = tuple(name.strip() for name in channels.split(','))
  if sorted(order) != sorted(inputs.CHANNELS):
    raise InputError(f'--channels={channels}: name each of '
                     f'{", ".join(inputs.CHANNELS)} once, in their order, with commas '
                     'between')
  return order


def write_pictures(pictures: Pictures, folder: pathlib.Path, *, layout: str,
                   channels: Sequence[str]) -> list[str]:
  """Writes pictures, and flow.json beside them.

  Args:
    pictures: what to write.
    folder: a new or an empty one.
    layout: of `LAYOUTS`.
    channels: in which order they are written.

  Returns:
    Lines on what was written, and what was not.

  Raises:
    InputError: something lies in the folder, or names of clips fall together.
    OSError: it cannot be written.
  """
  if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
    raise InputError(f'{folder} is not empty; name a new folder')
  index = [inputs.CHANNELS.index(name) for name in channels]
  write = _write_ststnet if layout == 'ststnet' else _write_npz
  with all_or_nothing(folder):
    files, where, lines = write(pictures, folder, index)
    facts = {**pictures.facts, 'layout': layout, 'channels': list(channels),
             'channels_of': where,
             'clips': [{**clip, 'file': file} for clip, file in zip(
                 pictures.clips, files) if file is not None]}
    with write_atomically(folder / FACTS) as file:
      json.dump(facts, file, indent=1)
      file.write('\n')
  return lines


def _write_npz(pictures: Pictures, folder: pathlib.Path, index: list[int]):
  arrays = {'pictures': pictures.x[..., index], **{
      name: np.array([clip[name] for clip in pictures.clips]) for name in COLUMNS}}
  if pictures.flow is not None:
    arrays['flow'] = pictures.flow[..., index]
  with write_atomically(folder / ARRAYS, 'wb') as file:
    np.savez(file, **arrays)
  return ([ARRAYS] * len(pictures.clips),
          'the last axis of pictures, and of flow, which is what they were made of: u '
          'and v in pixels of a frame',
          [f'{folder / ARRAYS}: {counted(len(pictures.clips), "clip")}'])


def _write_ststnet(pictures: Pictures, folder: pathlib.Path, index: list[int]):
  """Every picture is one file, which has a name in each folder that shows it."""
  micro = [n for n, clip in enumerate(pictures.clips) if clip['kind'] == 'micro']
  several = len({pictures.clips[n]['dataset'] for n in micro}) > 1
  files: list[str | None] = [None] * len(pictures.clips)
  people, places = {}, {}
  for n in micro:
    clip = pictures.clips[n]
    person = _file_name(f'{clip["dataset"]}_{clip["subject"]}' if several
                        and not clip['subject'].startswith(clip['dataset'])
                        else clip['subject'])
    if people.setdefault(person, key := (clip['dataset'], clip['subject'])) != key:
      raise InputError(f'the people {people[person][1]!r} and {clip["subject"]!r} '
                       f'would have one folder, {person}; use --layout=npz')
    label = pictures.facts['classes'].index(clip['label'])
    name = f'{label}/{_file_name(clip["clip"])}.png'
    if name in places:
      raise InputError(f'two clips would have one file, {name}, {clip["clip"]!r} for '
                       'one; use --layout=npz')
    places[name] = person
    files[n] = f'{person}/u_test/{name}'
    _write_png(folder / files[n], pictures.x[n][..., index])
  for person in people:
    for name, owner in places.items():
      if owner != person:
        _link(folder / owner / 'u_test' / name, folder / person / 'u_train' / name)
  lines = [f'{folder}: {counted(len(micro), "clip")} of '
           f'{counted(len(people), "person")}']
  if left := len(files) - len(micro):
    lines.append(f'{left} macro-expressions have no place in this layout and are not '
                 'written; --layout=npz has them')
  return files, 'red, green and blue of each picture', lines


def _file_name(text: str) -> str:
  return re.sub(r'[^\w.=+-]+', '_', text).strip('.') or '_'


def _write_png(path: pathlib.Path, picture: UInt8[np.ndarray, 'h w 3']) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  _, content = cv2.imencode('.png', np.ascontiguousarray(picture[..., ::-1]))
  path.write_bytes(content.tobytes())


def _link(file: pathlib.Path, name: pathlib.Path) -> None:
  """A second name of a file; a copy where the file system has none."""
  name.parent.mkdir(parents=True, exist_ok=True)
  try:
    os.link(file, name)
  except OSError:
    shutil.copyfile(file, name)


def read_facts(folder: pathlib.Path) -> dict[str, Any] | None:
  """What flow.json says; None where there is none.

  Raises:
    InputError: it cannot be read, or is not what this program writes.
  """
  path = folder / FACTS
  if not path.exists():
    return None
  try:
    facts = bounded.read_json(path)
  except (OSError, ValueError) as error:
    raise InputError(f'{path} cannot be read ({error})') from error
  clips = facts.get('clips') if isinstance(facts, dict) else None
  if (not isinstance(clips, list) or facts.get('layout') not in LAYOUTS
      or not all(isinstance(clip, dict) and isinstance(clip.get(name), str)
                 for clip in clips for name in (*COLUMNS, 'file'))
      or sorted(map(str, facts.get('channels') or ())) != sorted(inputs.CHANNELS)):
    raise InputError(f'{path} does not say layout, channels and clips as this program '
                     'writes them; move it away to import the pictures by --channels')
  return facts


def import_pictures(folder: pathlib.Path, *, channels: str = '', classes: str = '',
                    dataset: str = '') -> tuple[pathlib.Path, list[str]]:
  """Writes a manifest of flow pictures, which are brought to the order u, v, strain.

  Args:
    folder: with flow.json; or in the layout of STSTNet without it.
    channels: their order, where no flow.json says it.
    classes: names of the labels 0, 1, ..., with commas between; likewise.
    dataset: whose people they are; likewise.

  Returns:
    The manifest's path, and lines on what was met.

  Raises:
    InputError: there are no such pictures, or their channels are not known.
    OSError: the manifest cannot be written.
  """
  if not folder.is_dir():
    raise InputError(f'{folder} is no folder')
  facts, lines = read_facts(folder), []
  if facts is None:
    if not channels:
      raise InputError(
          f'{folder} has no {FACTS}, so the order of its channels is not known: give '
          '--channels=u,v,strain, of red, green and blue, as their makers say it')
    rows, lines = _foreign_rows(folder, classes, dataset)
    order = order_of(channels)
  elif channels or classes or dataset:
    raise InputError(f'{folder / FACTS} says channels, classes and data set; leave '
                     '--channels, --classes and --dataset out')
  else:
    rows, order = facts['clips'], tuple(facts['channels'])
  index = [order.index(name) for name in inputs.CHANNELS]
  if facts is not None and facts['layout'] == 'npz':
    paths = _copy_arrays(folder, rows, index)
  elif index != [0, 1, 2]:
    paths = [_copy(folder, n, _picture(folder, row['file'])[..., index])
             for n, row in enumerate(rows)]
  else:
    paths = [_inside(folder, row['file']) and row['file'] for row in rows]
  with write_atomically(folder / MANIFEST) as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow((*COLUMNS, 'path'))
    writer.writerows((*(row[name] for name in COLUMNS), path)
                     for row, path in zip(rows, paths))
  return folder / MANIFEST, lines


def _inside(folder: pathlib.Path, name: str) -> pathlib.Path:
  """A file below the folder; what leads out of it is refused."""
  path = folder / name
  if not path.resolve().is_relative_to(folder.resolve()):
    raise InputError(f'{folder / FACTS} names {name!r}, which is outside of the folder')
  return path


def _picture(folder: pathlib.Path, name: str) -> UInt8[np.ndarray, 'h w 3']:
  try:
    return read_picture(_inside(folder, name))
  except Unreadable as error:
    raise InputError(str(error)) from error


def _copy(folder: pathlib.Path, number: int, picture: UInt8[np.ndarray, 'h w 3']
          ) -> str:
  name = f'{COPIES}/{number:06d}.png'
  _write_png(folder / name, picture)
  return name


def _copy_arrays(folder: pathlib.Path, rows: Sequence[Mapping[str, str]],
                 index: list[int]) -> list[str]:
  path = folder / ARRAYS
  try:
    pictures = bounded.read_arrays(path)['pictures']
  except (OSError, ValueError, KeyError) as error:
    raise InputError(f'{path} cannot be read ({error})') from error
  if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3 or (
      len(pictures) != len(rows)):
    raise InputError(
        f'{path} holds pictures {pictures.dtype}{list(pictures.shape)}, and {FACTS} '
        f'says {counted(len(rows), "clip")} of three channels of uint8')
  return [_copy(folder, n, one[..., index]) for n, one in enumerate(pictures)]


def _foreign_rows(folder: pathlib.Path, classes: str, dataset: str
                  ) -> tuple[list[dict[str, str]], list[str]]:
  """The clips of a folder in the layout of STSTNet, by what stands in the u_test."""
  names = [name.strip() for name in classes.split(',')] if classes else []
  rows, trained, leaks = [], set(), []
  for person in sorted(part.name for part in folder.iterdir()
                       if (part / 'u_test').is_dir()):
    own = dict(_labelled(folder / person / 'u_test'))
    train = {file for file, _ in _labelled(folder / person / 'u_train')}
    trained |= train
    leaks += [f'{person}/{file}' for file in sorted(set(own) & train) if filecmp.cmp(
        *(folder / person / part / file for part in ('u_test', 'u_train')), False)]
    for file, label in own.items():
      if names and not (label.isdigit() and int(label) < len(names)):
        raise InputError(
            f'{folder / person}/u_test has the label {label}, and --classes={classes} '
            f'has the names of 0 to {len(names) - 1}')
      rows.append({'clip': f'{person}/{pathlib.Path(file).stem}', 'subject': person,
                   'dataset': dataset, 'label': names[int(label)] if names else label,
                   'kind': 'micro', 'file': f'{person}/u_test/{file}'})
  if not rows:
    raise InputError(f'{folder} has no SUBJECT/u_test/LABEL/*.png, which is the layout '
                     f'of STSTNet, and no {FACTS}')
  lines = [f'algorithm, crop and what was taken off are not known: there is no {FACTS}']
  if lost := trained - {row['file'].split('/', 2)[2] for row in rows}:
    lines.append(f'{counted(len(lost), "picture", "is", "are")} in a u_train and in no '
                 f'u_test, {min(lost)} for one: nobody says whose they are, and they '
                 'are left out')
  if leaks:
    lines.append(f'{counted(len(leaks), "test picture", "is", "are")} in the u_train '
                 f'of the same person, {leaks[0]} for one: who trains on these folders '
                 'as they are trains on what is tested')
  return rows, lines


def _labelled(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
  """LABEL/FILE and the label of each picture."""
  with contextlib.suppress(FileNotFoundError):
    for label in sorted(folder.iterdir()):
      for file in sorted(label.glob('*.png')) if label.is_dir() else ():
        yield f'{label.name}/{file.name}', label.name
