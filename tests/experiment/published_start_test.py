"""Published weights: who they saw is held against who is held out; they predict."""

import csv
import json
import zipfile

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import manifest
from lightman_jax import settings
from lightman_jax.__main__ import main
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly
from lightman_jax.inputs import inputs
from lightman_jax.models import weights_files
from lightman_jax.models.weights_files import Declared
from lightman_jax.training.devices import lay_out

CLASSES = ('negative', 'positive', 'surprise')
PEOPLE = (('casme2', 'sub01'), ('casme2', 'sub02'), ('smic', 's07'))


def declared(**changes) -> Declared:
  return Declared('flow', ('strain', 'v', 'u'), 0., 255., 28, CLASSES, PEOPLE
                  )._replace(**changes)


def arrays(seed=0):
  """Weights by the names of the authors' port."""
  rng = np.random.default_rng(seed)
  made = {'fc.weight': rng.standard_normal((3, 400)), 'fc.bias': rng.standard_normal(3)}
  for branch, channels in enumerate((3, 5, 8), 1):
    made |= {f'conv{branch}.weight': .02 * rng.standard_normal((channels, 3, 3, 3)),
             f'conv{branch}.bias': rng.standard_normal(channels),
             f'bn{branch}.weight': 1 + rng.random(channels),
             f'bn{branch}.bias': rng.standard_normal(channels),
             f'bn{branch}.running_mean': rng.random(channels),
             f'bn{branch}.running_var': 1 + rng.random(channels)}
  return {name: array.astype(np.float32) for name, array in made.items()}


def predicted(weights, pictures):
  """The authors' network in NumPy, of pictures (n, 28, 28, 3) as OpenCV reads them."""
  logits = []
  for x in pictures.astype(np.float64):
    x, maps = np.pad(x, ((2, 2), (2, 2), (0, 0))), []
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (0, 1))
    for branch in (1, 2, 3):
      get = lambda name: weights[name].astype(np.float64)
      y = np.einsum('hwcij,ocij->hwo', windows, get(f'conv{branch}.weight'))
      y = np.maximum(y + get(f'conv{branch}.bias'), 0)
      y = ((y - get(f'bn{branch}.running_mean'))
           / np.sqrt(get(f'bn{branch}.running_var') + 1e-5)
           * get(f'bn{branch}.weight') + get(f'bn{branch}.bias'))
      y = np.pad(y, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
      y = np.stack([[y[3 * i:3 * i + 3, 3 * j:3 * j + 3].max((0, 1))
                     for j in range(10)] for i in range(10)])
      maps.append(y.reshape(5, 2, 5, 2, -1).mean((1, 3)))
    flat = np.concatenate(maps, -1).transpose(2, 0, 1).reshape(-1)
    logits.append(weights['fc.weight'] @ flat + weights['fc.bias'])
  return np.array(logits)


@pytest.fixture
def material(tmp_path):
  """A function (file or folder of weights, people, ...) -> config, material."""
  def make(path, people=('s1', 's2', 's3'), dataset='smic', classes=CLASSES, **changes):
    config = manifest.get_config('debug,published,macro=none').unlock()
    config.inputs.size = 28
    config.model.weights = str(path)
    config.update_from_flattened_dict(changes)
    config = config.to_dict()
    settings.check({**config, 'data': {**config['data'], 'name': 'manifest'}})
    rng = np.random.default_rng(1)
    rows = [(person, label) for person in people for label in range(3) for _ in '12']
    n = len(rows)
    clips = ClipSet(
        rng.integers(0, 256, (n, 1, 28, 28, 3), np.uint8),
        np.full((n, 1, 68, 2), np.nan, np.float32),
        np.array([label for _, label in rows], np.int32), np.zeros(n, bool),
        tuple(person for person, _ in rows), tuple(f'clip{k:02}' for k in range(n)),
        ('',) * n, classes, {'sha256': 'abc', 'dataset': dataset})
    how = inputs.Settings(**config['inputs'])
    return config, assembly.arrange(
        config, clips, make=lambda clips: inputs.make_inputs(clips, how),
        say=lambda line: None)
  return make


@pytest.fixture
def file(tmp_path):
  def make(name='w.safetensors', **changes):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    weights_files.write(path, arrays(), declared(**changes))
    return path
  return make


def test_a_file_is_read_as_it_was_written(file):
  content, kept = weights_files.read(file(trained_on=None, source='x.pth'))
  assert content == declared(trained_on=None, source='x.pth')
  for name, array in arrays().items():
    np.testing.assert_array_equal(kept[name], array)


def test_weights_see_the_pictures_that_they_were_trained_on(material, file):
  """As the authors' code: OpenCV's BGR from 0 to 255; classes by their names."""
  other = ('surprise', 'negative', 'positive')
  config, made = material(file(classes=other))
  data = assembly.fold_data(config, made, 0)
  net = assembly.make_net(config, made.pool.classes)
  pictures = np.rint((made.pool.x[:, 0] + 1) * 127.5)[..., ::-1]     # B is strain
  want = predicted(arrays(), pictures)[:, [other.index(name) for name in CLASSES]]
  got = net.logits(data.start, jnp.asarray(made.pool.x / data.clips.view.scale[0]))
  np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3 * np.abs(want).max())


def test_a_run_begins_with_them_and_leaves_them_where_the_rate_is_nothing(
    material, file, tmp_path):
  from lightman_jax.training.checkpoints import Checkpoints
  from lightman_jax.training.loop import make_trainer, train_folds
  config, made = material(file(), **{'training.outer_rate': 0., 'training.steps': 2})
  layout = lay_out(tuple(jax.devices()[:1]), folds=3, tasks=1, split='folds',
                   folds_at_once=1, tasks_at_once=1)
  recipe = assembly.make_recipe(config, made.pool, layout)
  trainer = make_trainer(recipe, steps=2, every=2, layout=layout)
  data = assembly.fold_data(config, made, 1)
  with Checkpoints(tmp_path / 'kept', say=lambda line: None) as checkpoints:
    state, = train_folds(trainer, [data], checkpoints,
                         on_chunk=lambda last, scalars: None)
  assert int(state.step) == 2
  jax.tree.map(np.testing.assert_array_equal, state.params, data.start)


@pytest.mark.parametrize('held_out, dataset, refused', [
    (('s1', 's2'), 'smic', False),
    (('s1', 's7'), 'smic', True),
    # Data sets that show the same people, and other spellings of one name.
    (('s1', 'S07'), 'smic_long', True),
    (('sub02', 'sub03'), 'casme2', True),
    (('Sub 1', 'sub3'), 'casme2', True),
    (('2', '3'), 'samm', False),
    (('casme2/sub02', 'smic/s01'), 'megc2019', True),
    (('casme2/sub03', 'smic/s02'), 'megc2019', False),
    (('casme2/sub02', 'smic/s01'), 'manifest', True),
    # A manifest that does not say whose its people are: they may be those.
    (('sub02', 'sub03'), 'manifest', True),
    (('casme2-sub02', 'smic-s01'), 'manifest', True),
    (('casme2sub02', 'smic-s01'), 'manifest', True),
    (('sub０２', 'sub03'), 'casme2', True), (('sub\u200b02', 'sub03'), 'casme2', True),
    (('person 7', 's1'), 'smic', True), (('participant_7', 's1'), 'smic', True),
    (('id7', 's1'), 'smic', True),
    (('ann', 'bob'), 'manifest', False)])
def test_whom_the_weights_saw_is_not_held_out(material, file, held_out, dataset,
                                              refused):
  if not refused:
    made = material(file(), (*held_out, 'zoe'), dataset)[1]
    assert 'no person that a fold holds out' in made.weights.about['origin']
    return
  with pytest.raises(InputError, match='was trained on that person') as caught:
    material(file(), (*held_out, 'zoe'), dataset)
  assert ('as smic/s01' in str(caught.value)) == (held_out[0] == 'sub02'
                                                  and dataset == 'manifest')


@pytest.mark.parametrize('dataset, held_out, listed', [
    ('casme2', 'sub01', ('MEGC2019', 'casme2/sub01')),
    ('megc2019', 'casme2/sub01', ('MEGC2019', 'casme2/sub01')),
    ('megc2019', 'casme2/sub01', ('CASME II', 'CASME2-01')),
    ('casme_cubed', 'spNO.1', ('casme_cubed', '1')),
    ('casme2', 'sub01', ('casme2_crop', '1')), ('casme2', 'sub01', ('unknown', '1'))])
def test_whom_the_weights_saw_in_another_spelling(material, file, dataset, held_out,
                                                  listed):
  with pytest.raises(InputError, match='was trained on that person'):
    material(file(trained_on=(listed,)), (held_out, 'x/zoe', 'x/ann'), dataset)


def test_the_column_dataset_of_a_manifest_counts(file):
  from lightman_jax.experiment import published_start
  from lightman_jax.inputs.pool import Pool
  from lightman_jax.tasks.folds import Fold
  pool = Pool(None, np.zeros(2), np.array([0, 1]), np.zeros(2, bool), np.zeros(2, bool),
              ('casme2-sub01', 'x'), ('a', 'b'), CLASSES, None, ('casme2', 'smic'))
  fold = Fold('f', np.array([False, True]), np.array([True, False]))
  config = manifest.get_config().to_dict()
  assert published_start.people_of(config, pool, fold, 'manifest') == (
      ('casme2', 'casme2-sub01'),)
  with pytest.raises(InputError, match='holds out casme2/sub01'):
    published_start._file_for('f', (('casme2', 'casme2-sub01'),),
                              {file(): declared()})


def test_each_fold_takes_the_file_that_did_not_see_its_people(material, file, tmp_path):
  people = (('smic', 's1'), ('smic', 's2'), ('smic', 's3'), ('samm', '6'))
  names = ('s1', 's2', 's3')
  for name in names:
    file(f'all/{name}.safetensors', trained_on=tuple(
        person for person in people if person != ('smic', name)))
  made = material(tmp_path / 'all')[1]
  assert {fold: path.stem for fold, path in made.weights.files.items()} == {
      name: name for name in names}
  with pytest.raises(InputError, match='fold s4.*s1.safetensors and s2.safetensors'):
    material(tmp_path / 'all', (*names, 's4'))


def test_an_unknown_origin_is_said(material, file):
  about = material(file(trained_on=None))[1].weights.about
  assert about['origin'].startswith('unknown: whom these weights were trained on')
  assert about['inputs'] == 'strain, v, u, 0 to 255'


def test_other_weights_are_other_data(material, file):
  one = material(file())[1].sha256
  assert one == material(file('same.safetensors'))[1].sha256
  assert one != material(file('other.safetensors', low=-1., high=1.))[1].sha256
  assert one != material('')[1].sha256


@pytest.mark.parametrize('changes, settings_, words', [
    (dict(size=32), {}, ['32 x 32', 'inputs.size=32']),
    (dict(holds='intensity', channels=('blue', 'green', 'red')), {},
     ['pictures of intensity', 'inputs.holds=intensity']),
    (dict(classes=('sad', 'glad', 'surprise')), {}, ['tells sad, glad', 'negative']),
    ({}, {'model.norm': 'group', 'model.temporal_depth': 1}, ['model.norm=batch'])])
def test_weights_of_another_run_are_refused(material, file, changes, settings_, words):
  with pytest.raises(InputError) as caught:
    material(file(**changes), **settings_)
  assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize('content, words', [
    (None, 'convert-weights'), (b'', 'no safetensors'),
    (b'\xff' * 64, 'no safetensors'),
    (b'\x02\0\0\0\0\0\0\0{}', '__metadata__'),
    (b'\x80\x02}.', 'no safetensors')])
def test_what_is_no_file_of_weights_is_refused(material, tmp_path, content, words):
  path = tmp_path / 'w.safetensors'
  if content is not None:
    path.write_bytes(content)
  with pytest.raises(InputError, match=words):
    material(path)


@pytest.mark.parametrize('changes', [
    dict(channels=('u', 'v')), dict(low=1., high=1.), dict(high=float('inf')),
    dict(size=0), dict(classes=('a',)), dict(classes=('a', 'a')), dict(holds='sound'),
    dict(trained_on=()), dict(trained_on=('ab', 'cd')), dict(trained_on={'ab': 1}),
    dict(trained_on=(('smic', ' '),)), dict(trained_on=(('smic', 'nan'),)),
    dict(trained_on=(('smic', 1),)), dict(trained_on=(('smic', 's1', 's2'),)),
    dict(classes='abc'), dict(classes=('a', ' ')), dict(low='0')])
def test_what_a_file_declares_must_mean_something(tmp_path, changes):
  weights_files.write(tmp_path / 'w.safetensors', arrays(), declared(**changes))
  with pytest.raises(InputError, match='no safetensors file with the metadata'):
    weights_files.read(tmp_path / 'w.safetensors')


def stream() -> bytes:
  """A .pth with one tensor of two numbers, without PyTorch."""
  word = lambda text: b'X' + len(text).to_bytes(4, 'little') + text.encode()
  return (b'\x80\x02}' + word('fc.bias') + b'ctorch._utils\n_rebuild_tensor_v2\n(('
          + word('storage') + b'ctorch\nFloatStorage\n' + word('0') + word('cpu')
          + b'K\x02tQK\x00K\x02\x85K\x01\x85\x89}tRs.')


@pytest.fixture
def pth(tmp_path):
  with zipfile.ZipFile(tmp_path / 'x.pth', 'w') as archive:
    archive.writestr('x/data.pkl', stream())
    archive.writestr('x/data/0', np.float32([1, 2]).tobytes())
  with open(tmp_path / 'people.csv', 'w', newline='') as out:
    csv.writer(out).writerows([('clip', 'dataset', 'subject'), ('a', 'smic', 's1'),
                               ('b', 'smic', 's1'), ('c', 'samm', '6')])
  return tmp_path


def convert(folder, *flags, people='people.csv'):
  known = people if people == 'unknown' else folder / people
  return main(['convert-weights', str(folder / 'x.pth'), f'--trained_on={known}',
               f'--out={folder / "y.safetensors"}', *flags])


def test_a_pth_is_converted(pth, capsys):
  assert convert(pth) == 0 and 'trained on 2 people' in capsys.readouterr().out
  printed, kept = weights_files.read(pth / 'y.safetensors')
  assert kept['fc.bias'].tolist() == [1., 2.]
  assert printed.trained_on == (('samm', '6'), ('smic', 's1'))
  assert printed._replace(trained_on=PEOPLE, source='') == declared()
  assert printed.source.startswith('x.pth (sha256 ')
  assert convert(pth, '--held_out=smic/s1', '--range=-1,1', '--channels=u,v,strain',
                 '--classes=a,b', '--size=56') == 0
  assert weights_files.read(pth / 'y.safetensors')[0][1:7] == (
      ('u', 'v', 'strain'), -1., 1., 56, ('a', 'b'), (('samm', '6'),))
  assert convert(pth, people='unknown') == 0
  assert 'not known' in capsys.readouterr().out
  assert weights_files.read(pth / 'y.safetensors')[0].trained_on is None


@pytest.mark.parametrize('flags, words', [
    (['--held_out=smic/s2'], 'smic/s2 is nobody'), (['--range=1'], 'two numbers'),
    (['--range=a,b'], 'two numbers'), (['--channels=u,v'], 'not known'),
    (['--classes=a'], 'two names'), (['--trained_on=no.csv'], 'unknown where you'),
    (['--out=y.npz'], 'must end with .safetensors'),
    (['--held_out=smic/s1', '--held_out=samm/6'], 'leaves nobody'),
    (['--trained_on=unknown', '--held_out=smic/s1'], 'give the csv')])
def test_what_cannot_be_converted_is_refused(pth, capsys, flags, words):
  assert convert(pth, *flags) == 2
  printed = capsys.readouterr().err
  assert words in printed and printed.count('\n') == 1
  assert not (pth / 'y.safetensors').exists()


def test_a_csv_without_data_sets_is_refused(pth, capsys):
  (pth / 'people.csv').write_text('clip,subject\na,s1\n')
  assert convert(pth) == 2 and "no column 'dataset'" in capsys.readouterr().err
  (pth / 'people.csv').write_text('dataset,subject\nsmic,\n')
  assert convert(pth) == 2 and 'empty' in capsys.readouterr().err
  (pth / 'people.csv').write_text('dataset,subject\nsmic,nan\n')
  assert convert(pth) == 2 and 'empty' in capsys.readouterr().err


def test_a_run_is_refused_or_says_where_its_weights_are_from(tmp_path, monkeypatch):
  """From a manifest to results.json."""
  from lightman_jax.experiment import run as experiment
  from lightman_jax.runs.folder import open_run
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'data'))
  rng, rows = np.random.default_rng(0), [('clip', 'subject', 'label', 'path')]
  for person in ('x/1', 'x/2', 'x/3'):
    for label in CLASSES:
      name = f'{person[-1]}{label}.png'
      cv2.imwrite(str(tmp_path / name), rng.integers(0, 256, (28, 28, 3), np.uint8))
      rows.append((name, person, label, name))
  with open(tmp_path / 'm.csv', 'w', newline='') as out:
    csv.writer(out).writerows(rows)
  config = manifest.get_config('debug,published,macro=none').unlock()
  config.data.path = str(tmp_path / 'm.csv')
  config.model.weights = str(tmp_path / 'w.safetensors')
  config.inputs.size = 28
  config.training.update(steps=1, outer_rate=0.)
  config = config.to_dict()

  def run(people, folder):
    weights_files.write(tmp_path / 'w.safetensors', arrays(),
                        declared(trained_on=people))
    with open_run(tmp_path / folder, config=config) as opened:
      return experiment.run(config, opened)
  with pytest.raises(InputError, match='fold x/2 holds out x/2'):
    run((('x', '2'),), 'a')
  content = run(None, 'b')
  assert content['about']['weights']['origin'].startswith('unknown')
  assert json.loads((tmp_path / 'b' / 'results.json').read_text()) == content
  # The weights as they are, of every clip: nothing was trained.
  with open(tmp_path / 'b' / 'predictions.csv', newline='') as lines:
    said = {line['clip']: line['prediction'] for line in csv.DictReader(lines)}
  names = sorted(said)
  want = predicted(arrays(), np.stack([cv2.imread(str(tmp_path / name))
                                       for name in names]))
  assert [said[name] for name in names] == [CLASSES[k] for k in want.argmax(-1)]
