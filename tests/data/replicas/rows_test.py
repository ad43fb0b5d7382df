"""The sheets of the replicas hold what the published ones are known to hold."""

from collections import Counter
import re

import pytest

from lightman_jax.synthetic.replicas import casme, casme_squared, dfme, mmew, samm, smic
from lightman_jax.synthetic.replicas.write import REPLICAS


def column(lines, header, word):
  return [line[header.index(word)] for line in lines]


@pytest.fixture(scope='module', params=[0, 1])
def seed(request):
  return request.param


@pytest.mark.parametrize('name, clips, subjects', [
    ('casme', 197, 19), ('casme2', 255, 26), ('samm', 159, 29),
    ('casme_squared', 357, 22), ('samm_long', 502, 30), ('casme_cubed', 860, 94),
    ('casme_cubed_c', 165, 30), ('mmew', 1200, 30), ('dfme', 263, 28),
    ('four_dme', 100, 10),
    ('ck_plus', 593, 123), ('oulu_casia', 480, 80), ('mug', 468, 52),
    ('mmew_macro', 1200, 30), ('jaffe', 213, 10),
    ('kdef', 4900, 70), ('rafd', 8040, 67), ('yale', 165, 15)])
def test_every_data_set_has_its_size(seed, name, clips, subjects):
  made = REPLICAS[name].clips(seed)
  assert (len(made), len({clip.subject for clip in made})) == (clips, subjects)
  assert made == REPLICAS[name].clips(seed)
  assert all(clip.onset <= clip.apex <= clip.offset for clip in made)


def test_casme(seed):
  made = casme.clips(seed)
  lines = [line for part in 'AB' for line in casme.table(made, part)[1:]]
  assert Counter(column(lines, casme.HEADER, 'Emotion')) == {
      'tense': 71, 'disgust': 46, 'repression': 40, 'surprise': 21, 'happiness': 9,
      'sadness': 6, 'comtempt': 2, 'fear': 2}
  marks = {word: column(lines, casme.HEADER, word).count('\\')
           for word in ('OffsetF', 'Total', 'ApexF2')}
  assert marks == {'OffsetF': 21, 'Total': 20, 'ApexF2': 63}
  assert column(lines, casme.HEADER, 'ApexF2').count('remake') == 1
  assert len({tuple(line[:2]) for line in lines}) == 177


def test_rows_of_casme_that_share_a_folder_share_no_frame(seed):
  times = Counter((clip.subject, clip.name, number) for clip in casme.clips(seed)
                  for number in range(clip.onset, clip.offset + 1))
  assert set(times.values()) == {1}


def test_casme2(seed):
  made = casme.second_clips(seed)
  old, new, objective = (
      casme.second_table(made, sheet)[1:] for sheet in ('2014', '2019', 'objective'))
  assert [a[:7] for a in old] == [b[:7] for b in new]
  assert Counter(line[8] for line in old) == {
      'others': 99, 'disgust': 63, 'happiness': 32, 'repression': 27, 'surprise': 25,
      'sadness': 7, 'fear': 2}
  assert sum(a[7] != b[7] for a, b in zip(old, new)) == 57
  assert [(*a[:2], b[8]) for a, b in zip(old, new) if a[8] != b[8]] == [
      ('24', name, 'surprise') for name in ('EP07_01', 'EP07_04f', 'EP10_03')]
  assert sum(a[2] != b[9] for a, b in zip(objective, new)) == 37
  assert {isinstance(line[7], int) for line in old} == {True, False}
  assert sum(line[7] == '?' for line in old) == 5
  assert [line[:2] for line in old if line[4] == '/'] == [['04', 'EP12_01f']]
  lengths = sorted(line[5] - line[3] + 1 for line in old)
  assert (lengths[0], lengths[-1]) == (24, 141) and abs(lengths[127] - 61) <= 2
  assert len({tuple(line[:2]) for line in old}) == 255


def test_samm(seed):
  sheet = samm.table(samm.clips(seed))
  lines = {line[1]: line for line in sheet[14:]}
  assert sheet[13] == list(samm.HEADER) and len(lines) == 159
  assert Counter(line[9] for line in lines.values()) == {
      'Anger': 57, 'Happiness': 26, 'Other': 26, 'Surprise': 15, 'Contempt': 12,
      'Disgust': 9, 'Fear': 8, 'Sadness': 6}
  assert all(line[6] == line[5] - line[3] + 1 for line in lines.values())
  assert lines['028_4_1'][3:6] == [1071, 1143, 1134]
  assert lines['032_3_1'][3:6] == [4896, 1930, 4970]
  assert lines['032_3_2'][3:5] == [5126, 5127]
  units = [line[8] for line in lines.values()]
  assert sum(unit in samm.IRREGULAR for unit in units) == 31 and '14 ' in units


def test_the_three_data_sets_agree_with_megc2019(seed):
  classes = {'happiness': 'positive', 'surprise': 'surprise', 'positive': 'positive',
             **dict.fromkeys(('anger', 'contempt', 'disgust', 'fear', 'sadness',
                              'repression', 'negative'), 'negative')}
  short = [clip for clip in smic.clips(seed) if clip.part == 'HS']
  second = [clip for clip in casme.second_clips(seed)
            if clip.emotion not in ('sadness', 'fear') and (clip.subject, clip.name)
            not in (('04', 'EP12_01f'), ('05', 'EP09_05f'))]
  clips_of = {}
  for name, clips in (('smic', short), ('casme2', second), ('samm', samm.clips(seed))):
    kept = [clip for clip in clips if clip.emotion.casefold() in classes]
    counts = Counter(classes[clip.emotion.casefold()] for clip in kept)
    clips_of[name] = (counts['negative'], counts['positive'], counts['surprise'],
                      len({clip.subject for clip in kept}))
  assert clips_of == {'smic': (70, 51, 43, 16), 'casme2': (88, 32, 25, 24),
                      'samm': (92, 26, 15, 28)}


def test_smic(seed):
  made = smic.clips(seed)
  for camera in ('VIS', 'NIR'):
    part = [clip for clip in made if clip.part == camera]
    assert Counter(clip.emotion for clip in part) == {
        'negative': 24, 'positive': 28, 'surprise': 19}
    assert len({clip.subject for clip in part}) == 8
  assert {len(str(clip.onset)) for clip in made} == {6, 7, 8}


def test_smic_long(seed):
  made = smic.long_clips(seed)
  header, *lines = smic.table(made, 'HS')
  rows = {line[1]: dict(zip(header, line)) for line in lines[:157]}
  assert len(header) == 17 and lines[157:159] == [[], []] and lines[159]
  assert Counter(row['Emotion'] for row in rows.values()) == {
      'negative': 66, 'positive': 51, 'surprise': 40}
  assert rows['s18_sur_03']['Emotion'] == 'negative'
  assert sum(row['Onset2F'] != '' for row in rows.values()) == 8
  assert sum(row['Onset3F'] != '' and row['Onset2F'] == ''
             for row in rows.values()) == 5
  inside = {name for name, row in rows.items()
            if row['FirstF'] <= row['OnsetF'] <= row['LastF']}
  assert set(rows) - inside == {'s1_ne_03'}
  header, *lines = smic.table(made, 'VIS')
  assert not set(header) & {'Onset3F', 'Offset3F', 'TotalMF3', 'LastF'}
  assert Counter(line[-1] for line in lines[:71]) == {
      'negative': 24, 'positive': 28, 'surprise': 19}


@pytest.mark.parametrize('name, people', [('casme_squared', 20), ('samm_long', 29)])
def test_not_everybody_has_macro_expressions(seed, name, people):
  assert len({clip.subject for clip in REPLICAS[name].clips(seed)
              if clip.kind == 'macro'}) == people


def test_casme_squared(seed):
  lines = casme_squared.table(casme_squared.clips(seed))
  names = {(line[0], line[1]): line for line in lines}
  assert len(names) == 357 and {len(line) for line in lines} > {9}
  for kind, counts in (
      ('micro', {'negative': 21, 'others': 19, 'surprise': 9, 'positive': 8}),
      ('macro', {'negative': 105, 'others': 63, 'surprise': 16, 'positive': 116})):
    part = [line for line in lines if line[7] == f'{kind}-expression']
    assert Counter(line[6] for line in part) == counts
  assert len({line[0] for line in lines if line[7] == 'micro-expression'}) == 14
  assert Counter(line[7] for line in lines if line[4] == 0) == {'macro-expression': 44}
  assert [key for key, line in names.items() if line[3] == 0] == [(17, 'anger1_1')]
  assert {key for key, line in names.items() if line[3] > line[4] > 0} == {
      (11, 'disgust1_5'), (14, 'happy2_1'), (15, 'anger1_12')}
  assert {'NULL', 'null', '14or23'} <= {line[5] for line in lines}
  assert len({line[8] for line in lines}) == 8


def test_samm_long(seed):
  sheet = samm.long_table(samm.long_clips(seed))
  lines = sheet[10:]
  assert sheet[9] == list(samm.LONG_HEADER)
  assert Counter(line[7] for line in lines) == {'Macro': 343, 'Micro - 1/2': 159}
  assert [name for name, count in Counter(line[1] for line in lines).items()
          if count > 1] == ['037_4_1']
  assert any(line[4] == -1 for line in lines)
  onsets = {clip.name: clip.onset for clip in samm.clips(seed)}
  shifts = {line[3] - onsets[line[1]] for line in lines if line[7] != 'Macro'}
  assert len(shifts) > 100 and {line[1] for line in lines} > set(onsets)


def test_casme_cubed(seed):
  lines = casme_squared.cubed_table(casme_squared.cubed_clips(seed))[1:]
  assert {type(cell) for line in lines for cell in line} == {str}
  assert len({tuple(line[:3]) for line in lines}) == 860
  assert len({tuple(line[:2]) for line in lines}) < 860
  frames = [[int(cell) for cell in line[2:5]] for line in lines]
  assert sum(onset == apex for onset, apex, _ in frames) == 55
  wrong = [tuple(line[:2]) for line, numbers in zip(lines, frames)
           if numbers != sorted(numbers) and numbers[2]]
  assert sum(offset == 0 for *_, offset in frames) == casme_squared.CUBED_NO_OFFSET
  assert Counter(wrong) == {('spNO.149', 'd'): 1, ('spNO.216', 'd'): 1,
                            ('spNO.40', 'e'): 2}
  assert ['spNO.216', 'e', '0', '0', '25'] in [line[:5] for line in lines]
  words = Counter(line[7] for line in lines)
  assert words['Others'] and words['others'] + words['Others'] == 161
  assert words['sad'] == 57 and words['happy'] == 55 and words['disgust'] == 250


def test_the_newer_data_sets(seed):
  part = casme_squared.table_c(casme_squared.clips_c(seed))
  assert part[0] == ['sub', 'count', 'onset', 'offset', 'au', 'emotion']
  assert Counter(line[5] for line in part[1:]) == {
      'negative': 99, 'surprise': 30, 'others': 20, 'positive': 16}
  apex = casme_squared.table_c(casme_squared.clips_c(seed), apex=True)
  assert apex[0] == ['sub', 'count', 'onset', 'apex', 'offset', 'au', 'emotion']
  assert [[*line[:3], *line[4:]] for line in apex] == part
  assert len(mmew.table(mmew.clips(seed))) == 301
  lines = dfme.table(dfme.clips(seed), 'train')[1:]
  assert {line[7] for line in lines} == {200, 300, 500}
  subjects = re.sub(r'(\S+)( \1)+', r'\1', ' '.join(line[0] for line in lines)).split()
  assert len(subjects) > len(set(subjects))
