"""Whatever is wrong with what was given: one sentence, exit code 2, nothing left."""

import csv
import subprocess
import sys

import cv2
import numpy as np
import pytest

DEBUG = '--config=configs/synthetic.py:debug'
PICTURES = '--config=configs/manifest.py:debug,macro=none'

# What is given, and words of the sentence that it must be answered with.
FLAGS = {
    'nothing': ([], ['--config=']),
    'unknown flag': ([DEBUG, '--frehs'], ['frehs', 'fresh']),
    'no flag': ([DEBUG, 'fresh'], ['--fresh']),
    'unknown variant': (['--config=configs/synthetic.py:debgu'], ["'debug'"]),
    'unknown method': (['--config=configs/synthetic.py:method=mamml'], ['method=maml']),
    'unknown encoder': (['--config=configs/synthetic.py:encoder=conv5'], ['conv4']),
    'no such file': (['--config=configs/sinthetic.py'], ['sinthetic.py', 'No such']),
    'a misspelt file': (['--config=configs/manifst.py:clips'],
                        ['configs/manifst.py', 'No such',
                         'mean --config=configs/manifest.py?']),
    'nothing like it': (['--config=of/mine.py'], ['of/mine.py', 'No such', 'casme2',
                                                  'FILE.py']),
    'a folder': (['--config=configs'], ['configs', 'directory']),
    'unknown setting': ([DEBUG, '--config.sed=1'], ['--config.sed=1', "'seed'"]),
    'nested setting': ([DEBUG, '--config.training.stpes=1'], ["'steps'"]),
    'unknown section': ([DEBUG, '--config.trainig.steps=1'], ["'training'"]),
    'nothing near': ([DEBUG, '--config.model.xyzzy=1'],
                     ['--config.model.xyzzy', "no setting 'model.xyzzy'", 'nearest']),
    'nothing near at the top': ([DEBUG, '--config.xyzzy=1'],
                                ["--config.xyzzy: there is no setting 'xyzzy'; python",
                                 'settings WORD searches all']),
    'a setting as a flag': ([DEBUG, '--training.steps=3'],
                            ['--training.steps=3', '--config.training.steps=VALUE']),
    'a misspelt setting as a flag': ([DEBUG, '--training.stpes=3'],
                                     ['--config.training.steps=VALUE']),
    'a setting without dashes': ([DEBUG, 'training.steps=3'],
                                 ['--config.training.steps=VALUE']),
    'one data set': ([DEBUG, '--config.episodes.protocol=leave_one_dataset_out'],
                     ['leave_one_dataset_out', 'synthetic is one', 'megc2019']),
    'no composite': ([DEBUG, '--config.episodes.protocol=megc2019'],
                     ['protocol=megc2019', 'this is synthetic']),
    'more folds than people': (
        [DEBUG, '--config.episodes.protocol=kfold', '--config.episodes.folds=5'],
        ['episodes.folds is 5', '4 synthetic people']),
    'no rate': (['--config=configs/synthetic.py:debug,method=reptile',
                 '--config.method.inner_rate=0'],
                ['method.inner_rate is 0', 'reptile divides by it']),
    'no variant of a sweep': ([DEBUG, '--sweep=methods:lightman,mamll'],
                              ["'mamll'", "the nearest is 'maml'"]),
    'a switch with a value': ([DEBUG, '--fresh=maybe'], ['this is a switch; give it']),
    'seeds without a sweep': ([DEBUG, '--seeds=3'], ['--seeds is', '--sweep=methods:']),
    'a list without a sweep': ([DEBUG, '--list'], ['--list prints', '--sweep=']),
    'one kind of variant twice': (['--config=synthetic:method=maml,method=anil'],
                                  ['method=maml and method=anil are given both']),
    'a seed of faces': ([DEBUG, '--config.data.synthetic.seed=-1'],
                        ['data.synthetic.seed is -1', 'from 0']),
    'a section': ([DEBUG, '--config.training=3'], ['--config.training.NAME=']),
    'no number': ([DEBUG, '--config.training.outer_rate=fast'], ['rate', 'number']),
    'no whole number': ([DEBUG, '--config.training.steps=1.5'], ['steps', 'whole']),
    'out of range': ([DEBUG, '--config.training.steps=0'], ['training.steps', '1']),
    'not finite': ([DEBUG, '--config.training.outer_rate=nan'], ['outer_rate', 'nan']),
    'method': ([DEBUG, '--config.method.name=lightmann'], ["'lightman'"]),
    'data set': ([DEBUG, '--config.data.name=casme3'], ["'casme'"]),
    'even frames': ([DEBUG, '--config.data.frames=4'], ['data.frames', 'odd']),
    'same people': ([DEBUG, '--config.macro.source=synthetic'], ['macro.source=own']),
    'no landmarks': ([DEBUG, '--config.inputs.kind=landmarks'], ['inputs.kind']),
    'width': ([DEBUG, '--config.model.width=6'], ['model.width', 'multiple of 4']),
    'no manifest': ([PICTURES, '--config.data.path=/no/clips.csv'],
                    ['/no/clips.csv', 'clip, subject, label, path']),
    'no path': ([PICTURES], ['--config.data.path']),
}


@pytest.mark.parametrize('case', FLAGS)
def test_flags(program, tmp_path, case):
  flags, words = FLAGS[case]
  refused = program.run(*flags, f'--workdir={tmp_path / "run"}')
  assert refused.refused_with(*words) and refused.err.count('\n') == 1
  assert refused.out == '' and not list(tmp_path.iterdir())


def test_a_wrong_protocol_is_said_before_anything_is_loaded(program, tmp_path):
  refused = program.run(
      DEBUG, '--config.episodes.protocol=leave_one_dataset_out',
      f'--workdir={tmp_path / "run"}', python=('-X', 'importtime'))
  loaded = {line.rpartition('|')[2].strip() for line in refused.err.splitlines()
            if line.startswith('import time:')}
  assert 'lightman_jax.data.protocols' in loaded and not {'jax', 'cv2'} & loaded
  assert refused.code == 2 and not list(tmp_path.iterdir())


def test_a_configuration_is_found_from_any_folder(program, tmp_path):
  elsewhere = tmp_path / 'elsewhere'
  elsewhere.mkdir()
  wrong = '--config.episodes.protocol=megc2019'
  for flags in (['--config=configs/synthetic.py:debug'],
                ['--config', 'configs/synthetic.py:debug']):
    done = subprocess.run(
        [sys.executable, program.code / 'launch.py', *flags, wrong], cwd=elsewhere,
        text=True, capture_output=True, env=program.environment)
    first, second = done.stderr.splitlines()
    assert first == ('configs/synthetic.py is not in this folder; '
                     f'{program.code / "configs/synthetic.py"} is used')
    assert done.returncode == 2 and 'this is synthetic' in second
  # What lies in this folder comes first, and a wrong name stays wrong.
  (elsewhere / 'configs').mkdir()
  (elsewhere / 'configs' / 'synthetic.py').write_text('wrong: (')
  for name, words in (('synthetic', 'is not a configuration'),
                      ('sinthetic', 'No such')):
    done = subprocess.run(
        [sys.executable, program.code / 'launch.py', f'--config=configs/{name}.py'],
        cwd=elsewhere, text=True, capture_output=True, env=program.environment)
    assert done.returncode == 2 and words in done.stderr
    assert 'is not in this folder' not in done.stderr


@pytest.mark.parametrize('start', [['launch.py'], ['-m', 'lightman_jax', 'train']])
@pytest.mark.parametrize('config, words', [
    ('synthetic:debug', 'this is synthetic'),
    ('configs/synthetic.py:debug', 'this is synthetic'),
    ('sinthetic', "the nearest is 'synthetic'"),
    ('synthetic:debgu', "'debug'")])
def test_both_programs_take_a_name_and_a_file(program, tmp_path, start, config, words):
  done = subprocess.run(
      [sys.executable, *start, f'--config={config}',
       '--config.episodes.protocol=megc2019', f'--workdir={tmp_path / "run"}'],
      cwd=program.code, text=True, capture_output=True, env=program.environment)
  assert done.returncode == 2 and done.stdout == '' and words in done.stderr
  assert done.stderr.startswith(f'{start[-1]}: ') and done.stderr.count('\n') == 1


def test_config_that_is_no_python(program, tmp_path):
  (tmp_path / 'mine.py').write_text('training: {steps: 3')
  refused = program.run(f'--config={tmp_path / "mine.py"}')
  assert refused.refused_with(str(tmp_path / 'mine.py'), 'not a configuration')


def test_missing_data_set_is_said_before_anything_heavy(program, tmp_path):
  refused = program.run(
      '--config=configs/casme2.py', f'--config.data.manual_dir={tmp_path}',
      f'--workdir={tmp_path / "run"}', python=('-X', 'importtime'))
  loaded = {line.rpartition('|')[2].strip() for line in refused.err.splitlines()
            if line.startswith('import time:')}
  assert 'lightman_jax.data.sources' in loaded
  assert not {'jax', 'tensorflow_datasets', 'numpy', 'cv2'} & loaded
  said = refused.err.partition('launch.py: ')[2]
  for word in ('CASME2-coding-20140508.xlsx', 'Cropped/sub01/', str(tmp_path),
               'release agreement', '--config.data.manual_dir='):
    assert word in said
  assert refused.code == 2 and not list(tmp_path.iterdir())


@pytest.fixture
def clips(tmp_path):
  """A folder of pictures of three people, two classes; the rows that list them."""
  rng, rows = np.random.default_rng(0), []
  for subject in 'stu':
    for label in ('sad', 'glad'):
      for number in range(2):
        name = f'{subject}_{label}{number}'
        picture = rng.integers(0, 256, (28, 28, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f'{name}.png'), picture)
        rows.append({'clip': name, 'subject': subject, 'label': label,
                     'path': f'{name}.png'})
  return tmp_path, rows


def first_column(name):
  def change(folder, rows):
    rows[:] = [dict(zip([name, *list(row)[1:]], row.values())) for row in rows]
  return change


def two_columns(folder, rows):
  (folder / 'clips.csv').write_text('clip,subject,label,path,subject\na,b,c,d,e\n')
  rows.clear()


def no_label(folder, rows):
  for row in rows:
    del row['label']


def one_subject(folder, rows):
  rows[:] = rows[:4]


def one_has_it(folder, rows):
  for row in rows:
    if row['subject'] != 's':
      row['label'] = 'sad'


def one_id(folder, rows):
  rows[1]['clip'] = rows[0]['clip']


def no_frames(folder, rows):
  (folder / 's_sad0').mkdir()
  rows[0]['path'] = 's_sad0'


def another_size(folder, rows):
  cv2.imwrite(str(folder / 't_sad0.png'), np.zeros((28, 30, 3), np.uint8))


def missing(folder, rows):
  (folder / 't_sad0.png').unlink()


def no_picture(folder, rows):
  (folder / 't_sad0.png').write_text('not a picture')


def cut_off(folder, rows):
  path = folder / 't_sad0.png'
  path.write_bytes(path.read_bytes()[:900])


def two_names(folder, rows):
  rows[0]['subject'] = 'S'


def two_labels(folder, rows):
  rows[0]['label'] = 'Sad'


def one_path(folder, rows):
  rows[0]['path'] = rows[-1]['path']


def one_content(folder, rows):
  (folder / rows[0]['path']).write_bytes((folder / rows[-1]['path']).read_bytes())


def nothing(folder, rows):
  pass


CLIPS = {
    'wrong column': (first_column('clipp'), [], ["'clipp'", "'clip'"]),
    'two columns': (two_columns, [], ["'subject'", 'twice']),
    'no column': (no_label, [], ["'label'", 'missing']),
    'one id': (one_id, [], ["'s_sad0'", '2 and 3']),
    'missing picture': (missing, [], ['t_sad0.png', 'row 6']),
    'no picture': (no_picture, [], ['t_sad0.png', 'row 6']),
    'cut off': (cut_off, [], ['t_sad0.png', "'t_sad0'", 'truncated']),
    'frames for flow': (no_frames, [], ["'s_sad0'", 'a folder', 'manifest.py:clips']),
    'sizes': (another_size, ['size=0'], ['t_sad0', '30 x 28', '28 x 28', 'data.size']),
    'one subject': (one_subject, [], ['one subject', "'s'"]),
    'one has it': (one_has_it, [], ["the label 'glad' is of 1 person alone"]),
    'two names': (two_names, [], ["'S' and 's'", 'data.different_people=']),
    'two labels': (two_labels, [], ["'Sad' and 'sad'", 'data.different_labels=']),
    'one path': (one_path, [], ["'s_sad0' of 's'", "of 'u'", 'data.repeated_clips=']),
    'one content': (one_content, [], ["'s_sad0' of 's'", 'the frames', "of 'u'"]),
    'one picture': (nothing, ['frames=3'], ['s_sad0', 'data.frames']),
}


@pytest.mark.parametrize('case', CLIPS)
def test_clips(program, clips, case):
  change, settings, words = CLIPS[case]
  folder, rows = clips
  change(folder, rows)
  assert refused(program, folder, rows, *(f'--config.data.{s}' for s in settings)
                 ).refused_with(*words)


def test_motion_of_unknown_amplitude_is_not_magnified(program, clips):
  outcome = refused(program, *clips, '--config.macro.source=magnified')
  assert outcome.refused_with('macro.source=magnified', 'inputs.kind=picture')


def refused(program, folder, rows, *flags):
  if rows:
    with open(folder / 'clips.csv', 'w', newline='') as file:
      writer = csv.DictWriter(file, rows[0])
      writer.writeheader()
      writer.writerows(rows)
  before = {path.name for path in folder.iterdir()}
  outcome = program.run(PICTURES, f'--config.data.path={folder / "clips.csv"}', *flags,
                        f'--workdir={folder / "runs" / "run"}')
  assert {path.name for path in folder.iterdir()} == before
  return outcome
