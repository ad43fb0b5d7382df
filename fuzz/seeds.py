"""The first inputs of every harness: small, made by code, nothing of a data set.

    python fuzz/seeds.py

writes them into fuzz/corpus, beside what fuzzing found to lead elsewhere.
"""

import hashlib
import io
import json
import pathlib
import sys
import tempfile
import zipfile

import cv2
import jax
import numpy as np
import openpyxl
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent))

from configs import common  # noqa: E402
from lightman_jax import sections  # noqa: E402
from lightman_jax.experiment.assembly import make_net  # noqa: E402
from lightman_jax.meta.learners import make_learner  # noqa: E402
from lightman_jax.models import weights_files  # noqa: E402
from lightman_jax.runs import results  # noqa: E402
from lightman_jax.training.finite import by_path  # noqa: E402

sys.path.insert(0, str(ROOT))
import harnesses  # noqa: E402


def grammar():
  """Spellings that sheets have, and that they have not."""
  return [b'4+L10+7B', b'AU1or2, R14A', '12.0+？'.encode(), b'(1,2)/T25 and B7?']


def manifests():
  """One of each kind of row."""
  head = 'clip,subject,label,path,onset,apex,offset,fps,dataset,kind\n'
  return [(head + 'a,s1,happy,a.png,,,,,,\nb,s2,sad,b,1,5,9,200,x,macro\n').encode(),
          b'\xef\xbb\xbfclip;subject;label;path\na;b;"c;d";e\n',
          b'Clip\tSubject\tLabel\tPath\nx\ty\tz\t../w\n']


def sheets():
  """A header and a row for every data set's own words."""
  contents = []
  for number, facts in enumerate(harnesses._OF_SHEETS):
    words = [spelt[0] for spelt in facts.columns.values()]
    values = {'subject': '1', 'onset': '46', 'apex': '59', 'offset': '86',
              'action_units': '4+L10', 'fps': '200', 'duration': '40'}
    row = [values.get(name, 'EP02_01f') for name in facts.columns]
    contents.append(bytes([number]) + '\n'.join(
        ','.join(f'"{cell}"' for cell in line) for line in (words, row, row)).encode())
  return contents


def workbooks():
  """One sheet, and one with two."""
  contents = []
  for lines in ([['Subject', 'x'], [1, 2.5]], [['a'], [], ['=1+1', True]]):
    book, out = openpyxl.Workbook(), io.BytesIO()
    for line in lines:
      book.active.append(line)
    book.save(out)
    small = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(
        small, 'w', zipfile.ZIP_DEFLATED) as new:
      for name in old.namelist():
        if 'theme' not in name and 'docProps' not in name:
          new.writestr(name, old.read(name))
    contents.append(small.getvalue())
  return contents


def pictures():
  """Of every format, and some modes."""
  rng, contents = np.random.default_rng(0), []
  pixels = rng.integers(0, 256, (5, 7, 3), np.uint8)
  for form in ('PNG', 'JPEG', 'BMP', 'TIFF', 'WEBP'):
    for mode in ('RGB', 'L') if form != 'WEBP' else ('RGB',):
      out = io.BytesIO()
      Image.fromarray(pixels).convert(mode).save(out, form)
      contents.append(out.getvalue())
  out = io.BytesIO()
  Image.fromarray((pixels[..., 0].astype(np.uint16) * 257)).save(out, 'PNG')
  return [*contents, out.getvalue()]


def videos():
  """A short one."""
  with tempfile.TemporaryDirectory() as folder:
    path = f'{folder}/v.avi'
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), 25., (16, 16))
    for level in (0, 90):
      writer.write(np.full((16, 16, 3), level, np.uint8))
    writer.release()
    # The index, and the padding before the frames, only make it long.
    return [pathlib.Path(path).read_bytes()]


def trees():
  """Clips where SMIC has them, and where it has not."""
  return [b's01/micro/negative/s1_ne_01/a001.png\ns01/micro/negative/s1_ne_01/a002.png',
          b's1/micro/negative/s1_ne_01/1.bmp\ns02/micro/positive/s2_po_02/x9.jpg',
          b'SMIC_all_cropped/HS/s3/micro/surprise/s3_sur_03/image1.jpg\na/../b/.c/d1']


def landmarks():
  """Two frames of one clip."""
  head = ['clip', 'frame', *(f'{axis}_{n}' for axis in 'xy' for n in range(68))]
  lines = [head, *(['s1/a', str(frame), *['1.5'] * 136] for frame in (1, 2))]
  return ['\n'.join(map(','.join, lines)).encode()]


def weights():
  """Zeros of the right shapes, and a tensor as PyTorch saves it."""
  arrays = {}
  for branch, size in enumerate((3, 5, 8), 1):
    arrays |= {f'conv{branch}.weight': np.zeros((size, 3, 3, 3), np.float32),
               f'conv{branch}.bias': np.zeros(size, np.float32)}
    arrays |= {f'bn{branch}.{leaf}': np.zeros(size, np.float32) for leaf in (
        'weight', 'bias', 'running_mean', 'running_var')}
  arrays |= {'fc.weight': np.zeros((3, 16), np.float32),
             'fc.bias': np.zeros(3, np.float32)}
  declared = weights_files.Declared('flow', ('strain', 'v', 'u'), 0., 255., 4,
                                    ('a', 'b', 'c'), (('smic', 's1'),))
  return [npz(**arrays), weights_files.content_of(arrays, declared), pth()]


def pth() -> bytes:
  """One tensor of two numbers in the form of PyTorch 1.6 and later."""
  word = lambda text: b'X' + len(text).to_bytes(4, 'little') + text.encode()
  out = io.BytesIO()
  with zipfile.ZipFile(out, 'w') as archive:
    archive.writestr(zipfile.ZipInfo('x/data.pkl'), (
        b'\x80\x02}' + word('fc.bias') + b'ctorch._utils\n_rebuild_tensor_v2\n(('
        + word('storage') + b'ctorch\nFloatStorage\n' + word('0') + word('cpu')
        + b'K\x02tQK\x00K\x02\x85K\x01\x85\x89}tRs.'))
    archive.writestr(zipfile.ZipInfo('x/data/0'), bytes(8))
  return out.getvalue()


def run_folders():
  """A run of six clips with all that a page reads."""
  rng = np.random.default_rng(0)
  truth = np.array([0, 1, 0, 1, 0, 1])
  subject = ['a', 'a', 'b', 'b', 'c', 'c']
  clips = results.Clips([f'{n}' for n in range(6)], subject, subject, truth,
                        ('one', 'two'))
  about = results.About('leave one subject out', 'x', 'y', 's.csv', 'ab', 'cd', 0)
  content = results.summarise({'maml': truth ^ (rng.random(6) < .3), 'ridge': truth},
                              clips, about, resamples=4)
  level = lambda n: {'level': n, 'unit': 'pixels', 'row': content['rows']['maml']}
  content |= {'robustness': {'blur': [level(0), level(1)]}}
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'p')
    results.write_predictions(path, clips, truth, np.full((6, 2), .5))
    csv = path.read_bytes()
  points = rng.standard_normal((4, 2)).astype(np.float32)
  text = lambda value: json.dumps(value, indent=0).encode()
  files = {
      'config.json': text({'seed': 0, 'evaluation': {'resamples': 100}, 'method': {
          'name': 'maml'}, 'model': {'encoder': 'conv4'}, 'data': {'name': 'x'}}),
      'results.json': text(content), 'predictions.csv': csv,
      'metrics.jsonl': b'{"stage": "train", "fold": "a", "step": 1, "loss": 0.5}\n',
      'environment.json': text({'code_sha256': 'ab', 'data_sha256': 'cd'}),
      'efficiency.json': text({'measures': {'time': {'value': 1.5, 'unit': 's'}}}),
      'oracle.json': text({'honest': {'uf1': .5}, 'gap': {'uf1': .1},
                           'chosen on the held-out clips': {'uf1': .6}}),
      'embeddings.npz': npz(before=points, after=points, label=np.array([0, 1, -1, 0]),
                            macro=np.array([False, False, True, False]),
                            held_out=np.array([True, False, False, False]),
                            fold=np.array('a'), explained=np.array([.6, .3]))}
  whole = harnesses.joined(files.items())
  first = whole.split(harnesses.MARK + b'metrics')[0]
  return [whole, first]


def faults():
  """A query that is infinite, of a linear encoder's supervised training."""
  config = common.base().to_dict()
  config['data']['name'] = 'manifest'
  config['model'] = {**sections.choose('encoder', 'ststnet', config['model']),
                     'temporal_depth': 0}
  config['method'] = sections.choose('method', 'supervised')
  config['inputs'].update(size=8)
  learner = make_learner(make_net(config, ('a', 'b')), **config['method'])
  x = np.ones((2, 1, 8, 8, 3), np.float32)
  arrays = {'params': learner.init(jax.random.key(0), x.shape[1:]),
            'key': np.array([1, 2], np.uint32),
            'task': {side: {'x': x * size, 'label': np.array([0, 1]), 'macro': x[:0],
                            'macro_label': np.zeros(0, int)}
                     for side, size in (('support', 1), ('query', np.inf))}}
  arrays = io.BytesIO()
  np.savez_compressed(arrays, **by_path(arrays))
  about = {'fold': 'a', 'step': 3, 'task': 1, 'tasks': 2, 'tensors': ['loss/x'],
           'kept': 'none', 'clips': {'support micro': ['c', 'd']}, 'done': .5,
           'classes': ['a', 'b'], 'settings': config}
  return [harnesses.joined([('fault.json', json.dumps(about).encode()),
                            ('fault.npz', arrays.getvalue())])]


def checkpoints():
  """Of two folds, and of one."""
  contents = []
  for folds in (['a', 'b'], ['b']):
    about = json.dumps({'folds': folds, 'step': 2, 'sha256': 'fitting'})
    arrays = npz(**{'step': np.full(len(folds), 2, np.int32),
                    'params/w': np.ones((len(folds), 2), np.float32)})
    contents.append(harnesses.joined([('about.json', about.encode()),
                                      ('state.npz', arrays)]))
  return contents


def documents():
  """JSON and arrays."""
  return [b'{"a": [1, 2.5, null, {"b": "\\u00e9"}]}', npz(a=np.zeros((2, 3))),
          npz(b=np.array('x'), c=np.zeros((0, 2), bool))]


def npz(**arrays) -> bytes:
  """An .npz file."""
  out = io.BytesIO()
  np.savez(out, **arrays)
  return out.getvalue()


def main() -> None:
  """Writes the corpus anew where a seed is missing."""
  for name in harnesses.HARNESSES:
    folder = ROOT / 'corpus' / name
    folder.mkdir(parents=True, exist_ok=True)
    for content in globals()[name]():
      (folder / hashlib.sha1(content).hexdigest()).write_bytes(content)


if __name__ == '__main__':
  main()
