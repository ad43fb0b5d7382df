"""The page and the tables: what they say, what they never say, and their bytes."""

import csv
from html.parser import HTMLParser
import json
import re

import numpy as np
import pytest

from lightman_jax.__main__ import main
from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256
from lightman_jax.report.page import published
from lightman_jax.report.page.command import read_runs, write
from lightman_jax.report.page.figures import span
from lightman_jax.report.page.texts import short
from lightman_jax.report.style import COLOURS
from lightman_jax.runs.identity import config_sha256

FEW = dict(permutations=1024)


class Reader(HTMLParser):
  """Collects tags and attributes, and checks that all that opens is closed."""

  def __init__(self, text):
    super().__init__()
    self.open, self.tags, self.attributes, self.text = [], [], [], ''
    self.links, self.anchors, self.drawn = set(), set(), ''
    self.feed(text)
    assert self.open == []

  def handle_starttag(self, name, attributes):
    self.tags.append(name)
    self.attributes += attributes
    self.links |= {v for k, v in attributes if (name, k) == ('a', 'href')}
    self.anchors |= {v for k, v in attributes if (name, k) == ('section', 'id')}
    if name not in ('meta', 'img'):
      self.open.append(name)

  def handle_endtag(self, name):
    assert self.open.pop() == name

  def handle_data(self, data):
    self.text += data if self.open[-1:] != ['style'] else ''
    self.drawn += data + '\n' if 'svg' in self.open else ''


def made(paths, out):
  write(read_runs(paths), out, **FEW)
  return {path.name: path.read_text(encoding='utf-8') for path in out.iterdir()}


def rows_of(text):
  return list(csv.DictReader(text.splitlines()))


def test_best_is_bold_where_it_is(table_of_runs, tmp_path):
  files = made(table_of_runs, tmp_path / 'out')
  rows = rows_of(files['table.csv'])
  assert [(r['row'], r['seeds'], r['best_after_holm']) for r in rows] == [
      ('lightman, conv4', '2', '1'), ('maml, conv4', '2', '0'),
      ('supervised, conv4', '2', '0'), ('lightman, conv4, not adapted', '2', '0'),
      ('maml, conv4, not adapted', '2', '0'), ('ridge', '1', '0'),
      ('constant', '1', '0')]
  scored = [json.loads((path / 'results.json').read_text())['rows']['lightman']
            for path in table_of_runs[:2]]
  value = np.mean([one['uf1']['value'] for one in scored])
  assert float(rows[0]['uf1']) == pytest.approx(value, abs=2e-6)
  assert float(rows[0]['uf1_low']) < value < float(rows[0]['uf1_high'])
  bold = short(value)
  assert re.findall(r'\*\*(.*?)\*\*', files['table.md']) == [bold]
  assert re.findall(r'\\textbf\{(.*?)\}', files['table.tex']) == [bold]
  assert re.findall('<td class="n"><b>(.*?)</b>', files['report.html']) == [bold]
  assert 'lightman, conv4 is better than every other method' in files['report.html']


def test_a_trial_says_that_its_scores_mean_nothing(make, tmp_path):
  words = 'a trial of the program, whose scores mean nothing: by its settings'
  paths = [make('a', about={'trial': words}), make('b', method='maml')]
  files = made(paths, tmp_path / 'out')
  for name in ('report.html', 'table.md', 'table.tex'):
    assert files[name].count(f'lightman, conv4: {words}') == 1, name
    assert f'maml, conv4: {words}' not in files[name]


def test_equals_are_not_called_better(make, tmp_path):
  """One method is a little above the other, and nothing says that it is better."""
  paths = [make(f'{method}{seed}', method=method, seed=seed, plain=False, beside=())
           for method in ('maml', 'anil') for seed in (0, 1)]
  files = made(paths, tmp_path / 'out')
  rows = rows_of(files['table.csv'])
  assert float(rows[0]['uf1']) > float(rows[1]['uf1'])
  assert {row['best_after_holm'] for row in rows} == {'0'}
  page = Reader(files['report.html'])
  assert 'No difference between methods was seen' in page.text
  assert not [v for k, v in page.attributes if k == 'class' and v == 'better']
  assert '| better |' not in files['table.md'] and '**' not in files['table.md']
  assert 'textbf' not in files['table.tex']


def test_few_folds_give_no_verdict_in_so_many_words(make, tmp_path):
  paths = [make(method, method=method, skill=skill, plain=False, folds=5,
                protocol='5 folds of subjects')
           for method, skill in (('lightman', 1.), ('maml', .1))]
  files = made(paths, tmp_path / 'out')
  for name in ('report.html', 'table.md'):
    # In each row that it is so, and below the table, once, why.
    assert len(re.findall('no verdict: too few folds', files[name])) > 1, name
    note = ('no verdict: 5 folds are too few to tell any difference from chance, '
            'however large it is')
    assert files[name].count(note) == 2 and '32 ways' in files[name], name
    assert 'it takes 6 folds or more. A fold here is' in files[name], name
    assert '| better |' not in files[name] and '>better<' not in files[name], name
  assert {row['best_after_holm'] for row in rows_of(files['table.csv'])} == {'0'}


def test_like_is_compared_with_like(make, tmp_path):
  """A mean of eight models stands against another, one model against one."""
  paths = [make('a', draws=8, skill=.95), make('b', method='maml', draws=8, skill=.5),
           make('c', method='supervised', skill=.5, plain=False)]
  text = made(paths, tmp_path / 'out')['table.md']
  pairs = {tuple(cells[1:3]): cells[4] for cells in (
      [cell.strip() for cell in line.split('|')] for line in text.splitlines()
      if line.startswith('| ') and ' and ' in line)}
  assert pairs['lightman, conv4', 'maml, conv4'] == '8 and 8'
  assert pairs['lightman, conv4', 'supervised, conv4'] == '1 and 1'
  plain = 'lightman, conv4, not adapted'
  assert pairs['lightman, conv4, one draw', plain] == '1 and 1'
  assert pairs['lightman, conv4, mean of 8 draws', plain] == '8 and 1'
  line = next(line for line in text.splitlines() if 'mean of 8 draws' in line)
  assert 'no verdict: 8 averaged models against 1' in line


def test_both_numbers_of_clips_seen_stand_in_the_table(make, tmp_path):
  path = make('a', about={'macro_clips_seen': 3600})
  files = made([path], tmp_path / 'out')
  row = rows_of(files['table.csv'])[0]
  assert (row['clips_seen'], row['macro_clips_seen']) == ('7200', '3600')
  for name in ('report.html', 'table.md'):
    assert 'clips drawn' in files[name] and 'macro clips beside' in files[name]
    assert '7200' in files[name] and '3600' in files[name]


def test_everything_a_figure_must_name(table_of_runs, tmp_path):
  files = made(table_of_runs, tmp_path / 'out')
  for name in ('report.html', 'table.md', 'table.tex'):
    text = files[name].replace('\\', '')
    for words in ('leave one subject out', 'casme2_3', 'sheet.xlsx', 'ab12cd34',
                  'counts pooled over folds', '72 clips', '9 subjects',
                  'jackknife of subjects'):
      assert words in text, (name, words)
  row = rows_of(files['table.csv'])[0]
  assert (row['protocol'], row['class_set'], row['clips_seen'],
          row['settings_tried'], row['clips']) == (
              'leave one subject out', 'casme2_3', '7200', '1', '72')


def test_the_same_runs_give_the_same_bytes(table_of_runs, fill, tmp_path):
  fill(table_of_runs[0])
  one = made(table_of_runs, tmp_path / 'one')
  assert one == made(table_of_runs[::-1], tmp_path / 'two')
  assert str(tmp_path) not in ''.join(one.values())


def test_the_page_holds_what_the_runs_hold(make, fill, tmp_path):
  bare = Reader(made([make('a')], tmp_path / 'bare')['report.html']).text
  for seed in (1, 2):
    fill(make(f'b{seed}', seed=seed, method='maml'), seed=seed)
  files = made([tmp_path / 'runs' / name for name in ('a', 'b1', 'b2')],
               tmp_path / 'out')
  page = Reader(files['report.html'])
  assert '3 runs of 2 methods on ' in page.text
  for words in ('Robustness', 'Few shots', 'Cost', 'What carried a prediction',
                'Not a result: the oracle gap', 'Embeddings'):
    assert words in page.text and words not in bare
  for words in ('People', 'Confusions', 'Learning curves', 'Published figures, beside'):
    assert words in bare
  assert '71.1 ms' in page.text and 'never shown' not in page.text
  assert '12,345' in page.text and '+.135' in page.text and '.745' in page.text
  assert page.links == {f'#{name}' for name in page.anchors} != set()
  # Of what peeking gives, the tables know nothing.
  assert '.745' not in files['table.md'] + files['table.csv'] + files['table.tex']


def test_a_method_on_two_data_sets_is_one(make, tmp_path):
  files = made([make('a'), make('b', dataset='samm')], tmp_path / 'out')
  assert '2 runs of 1 method on casme2, samm.' in Reader(files['report.html']).text


def test_nothing_is_fetched(table_of_runs, fill, tmp_path):
  page = Reader(made([fill(table_of_runs[0])], tmp_path / 'out')['report.html'])
  assert not {'script', 'link', 'iframe', 'object'} & set(page.tags)
  for name, value in page.attributes:
    if name in ('src', 'href'):
      assert value.startswith(('#', 'data:image/png;base64,'))
    assert 'http' not in (value or '') and not name.startswith('on')


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def test_a_hostile_folder_is_only_text(make, fill, tmp_path):
  classes = (f'one{HOSTILE}', 'two|\n', 'three</style>')
  folder = make('<b>x', method=f'maml{HOSTILE}', dataset=HOSTILE, class_set=HOSTILE,
                classes=classes, protocol=HOSTILE, about={'tried': HOSTILE},
                config={'model': {'encoder': HOSTILE}})
  files = made([fill(folder)], tmp_path / 'out')
  page = Reader(files['report.html'])
  assert not {'script', 'b>x'} & set(page.tags)
  assert page.tags.count('img') == 1          # the drawing of the actions
  assert not [name for name, _ in page.attributes if name.startswith('on')]
  assert 'alert(1)' in page.text
  assert '<script' not in files['table.md'].replace('\\<', '')
  lines = [line for line in files['table.md'].splitlines() if line.startswith('| ')]
  assert {len(re.findall(r'(?<!\\)\|', line)) for line in lines} <= {7, 11}


def test_broken_files_beside_the_results_are_one_sentence(make, fill, tmp_path, capsys):
  def names(folder, *arguments):
    code = main(['report', str(folder), '--out', str(tmp_path / 'out')])
    return code, capsys.readouterr().err
  for number, (name, content) in enumerate((
      ('embeddings.npz', b'no archive'), ('efficiency.json', b'[]'),
      ('oracle.json', b'{"honest": 3}'), ('metrics.jsonl', b'x\n'),
      ('metrics.jsonl', b'{"stage": "train", "step": 1, "loss": 1e300}\n'))):
    folder = fill(make(f'run{number}', seed=number))
    (folder / name).write_bytes(content)
    code, said = names(folder)
    assert code == 2 and said.count('\n') == 1 and name in said
  assert not (tmp_path / 'out').exists()


def test_the_command(make, tmp_path, capsys):
  path = make('a')
  assert main(['report', str(path), '--out', str(tmp_path / 'out')]) == 0
  names = [line.rsplit('/', 1)[1] for line in capsys.readouterr().out.splitlines()]
  assert names == ['report.html', 'table.md', 'table.csv', 'table.tex']
  (tmp_path / 'file').write_text('')
  with pytest.raises(InputError, match='--out'):
    write(read_runs([path]), tmp_path / 'file', **FEW)


def test_published_figures_are_marked_and_apart():
  assert {one.mark for one in published.PUBLISHED} == {
      'honest', 'chosen', 'likely', 'unknown'}
  assert {one.dataset for one in published.of_data_sets(['megc2019'])} == {'megc2019'}
  assert published.of_data_sets(['synthetic']) == published.PUBLISHED
  assert [one.dataset for one in published.of_data_sets(['smic_hs'])] == ['smic']
  lightman = [one for one in published.PUBLISHED if one.method == 'LightmanNet']
  assert {one.mark for one in lightman} == {'unknown'} and len(lightman) == 5


def test_published_figures_have_a_source_and_what_their_code_does():
  assert not [one for one in published.PUBLISHED
              if not one.source or one.source == 'several']
  sssnet, = (one for one in published.PUBLISHED if one.method == 'SSSNet'
             and 'UF1' in one.scores)
  assert sssnet.mark == 'honest' and '200 fixed epochs' in sssnet.source
  for figure in ('.739', 'SMIC .699', 'CASME II .852', 'SAMM .602'):
    assert figure in sssnet.scores
  # Their own code tests the held-out person after every epoch, and keeps the best.
  for method in ('HTNet', 'CausalNet', 'MMNet', 'MER-CLIP'):
    assert {one.mark for one in published.PUBLISHED if one.method == method} == {
        'chosen'}


def test_numbers():
  assert [short(v) for v in (.7123, 1., 0., -.0341, float('nan'), -.0001)] == [
      '.712', '1.000', '.000', '−.034', '–', '.000']
  assert short(.05, sign=True) == '+.050'


def test_an_axis_spans_what_is_in_question():
  low, high = span([.6, .72, float('nan')])
  assert .58 < low < .6 and .72 < high < .74
  assert span([.6, .99], most=1.)[1] == 1. and span([.6, .8], most=1.)[1] < .85
  for values in ([], [.5], [float('inf')]):
    low, high = span(values)
    assert low < high


def test_pictures_are_svg_in_the_colours_of_the_page(table_of_runs, fill, tmp_path):
  text = made([fill(path) for path in table_of_runs], tmp_path / 'out')['report.html']
  pictures = re.findall('<svg.*?</svg>', text, re.DOTALL)
  assert len(pictures) > 8
  for picture in pictures:
    assert re.findall('<title>.+?</title>', picture) and 'role="img"' in picture
    assert 'var(--' in picture and not set(COLOURS.values()) & set(
        re.findall('#[0-9a-f]{6}', picture))
    assert '<style' not in picture and 'xmlns' not in picture
  names = re.findall(' id="(.*?)"', text)
  used = re.findall(r'url\(#(.*?)\)|<use [^>]*href="#(.*?)"', text)
  used = {a or b for a, b in used}
  assert len(names) == len(set(names)) and used < set(names)


def test_people_are_named_and_the_strongest_reference_is(table_of_runs, tmp_path):
  page = Reader(made(table_of_runs, tmp_path / 'out')['report.html'])
  results = json.loads((table_of_runs[0] / 'results.json').read_text())
  for name, one in results['rows']['lightman']['per_subject'].items():
    assert f'{name} ({one["clips"]})' in page.drawn
  value = max(results['rows'][name]['uf1']['value'] for name in ('ridge', 'constant'))
  assert re.search(f'strongest reference: (ridge|constant) {short(value)}', page.drawn)


def test_methods_are_held_against_the_strongest_reference(make, tmp_path):
  """Predictions of the references are right of six in ten, and else the first class."""
  far = [make('a', skill=1., plain=False),
         make('b', method='maml', skill=.0, plain=False)]
  text = Reader(made(far, tmp_path / 'far')['report.html']).text
  said = re.search(r'Of 2 compared with (ridge|constant), the strongest reference (.*?)'
                   r'better: lightman, conv4; worse: maml, conv4', text)
  assert said and 'Holm over all pairs with a reference' in said[2]
  near = [make('c', skill=.6, plain=False)]
  text = Reader(made(near, tmp_path / 'near')['report.html']).text
  assert re.search('No method was seen to differ from (ridge|constant), the', text)
  few = [make('d', skill=1., plain=False, folds=5)]
  text = Reader(made(few, tmp_path / 'few')['report.html']).text
  assert re.search('There is no verdict on any difference from [^.]*[^:]*: too few '
                   r'folds\.', text)


def test_groups_of_people_have_a_table(make, tmp_path):
  path = make('a', groups=True)
  files = made([path], tmp_path / 'out')
  results = json.loads((path / 'results.json').read_text())['groups']['sex']['by_value']
  line = next(line for line in files['table.md'].splitlines()
              if line.startswith('| lightman, conv4 |')
              and line.count('|') == 4 and '–' in line)
  for value in 'fm':
    one = results[value]['rows']['lightman']['uf1']
    assert short(one['value']) in line
  assert line.count('[–, –]') == 1          # of the two men
  assert 'By sex:' in files['table.md'] and 'by sex: UF1' in files['report.html']
  assert 'Intervals where a group has 6 people' in files['report.html']


def test_clips_missed_most_are_listed_with_their_data_set(make, tmp_path):
  paths = [make(f'{method}{seed}', method=method, seed=seed, skill=skill, parts=True)
           for method, skill in (('lightman', .9), ('maml', .7)) for seed in (0, 1)]
  misses = {}
  for path in paths:
    with open(path / 'predictions.csv', encoding='utf-8', newline='') as file:
      for line in csv.DictReader(file):
        if line['truth'] != line['prediction']:
          misses[line['clip']] = misses.get(line['clip'], 0) + 1
  text = made(paths, tmp_path / 'out')['report.html']
  listed = re.findall('<th scope="row">(sub[^<]*/EP[^<]*)</th><td>(.*?)</td>'
                      '<td>(.*?)</td>.*?<td class="n">(.) of 4</td>', text)
  worst = sorted(misses, key=lambda clip: (-misses[clip], clip))[:20]
  assert [(clip, int(count)) for clip, *_, count in listed] == [
      (clip, misses[clip]) for clip in worst]
  assert {(dataset, subject) for _, dataset, subject, _ in listed} <= {
      ('smic' if int(name[3:]) % 2 else 'samm', name) for _, _, name, _ in listed}


def test_several_data_sets_have_scores_of_their_own(make, tmp_path):
  path = make('a', parts=True, dataset='megc2019')
  results = json.loads((path / 'results.json').read_text())
  assert sorted(results['data_sets']) == ['samm', 'smic']
  files = made([path], tmp_path / 'out')
  for name, own in results['data_sets'].items():
    clips = sum(own['clips_per_class'].values())
    words = f'{name}: {clips} clips of {len(own["subjects"])} subjects'
    scored = own['rows']['lightman']['uf1']
    cell = f'{short(scored["value"])} [{short(scored["low"])}, {short(scored["high"])}]'
    for file in ('report.html', 'table.md'):
      text = ' '.join(Reader(files[file]).text.replace('\\', '').split()) if (
          file == 'report.html') else files[file].replace('\\', '')
      # Of HTML the reader keeps no blanks between two elements.
      text = text.replace(' ', '')
      for part in (words, cell):
        assert part.replace(' ', '') in text, (file, name, part)


@pytest.mark.parametrize('change', [
    {'samm': {'subjects': ['nobody']}}, {'samm': {}}, {'samm': {'subjects': 3}},
    {'samm': {'subjects': ['sub01']}, 'smic': {'subjects': ['sub01']}}])
def test_data_sets_that_do_not_divide_the_people_are_refused(change, make, tmp_path):
  with pytest.raises(InputError, match='does not hold what this version writes'):
    read_runs([make('a', more={'data_sets': change})])


@pytest.mark.parametrize('name', ['results.json', 'predictions.csv'])
def test_a_run_whose_files_were_changed_afterwards_is_refused(name, make):
  folder = make('one')
  hashes = {file: file_sha256(folder / file)
            for file in ('results.json', 'predictions.csv')}
  (folder / 'reproducibility.json').write_text(json.dumps({'files': hashes}))
  assert len(read_runs([folder])) == 1
  with open(folder / name, 'a') as file:
    file.write('\n')
  with pytest.raises(InputError, match=f'{name} is not the file that the run wrote'):
    read_runs([folder])


def test_a_run_whose_settings_were_edited_is_refused(make):
  folder = make('one')
  config = json.loads((folder / 'config.json').read_text())
  (folder / 'reproducibility.json').write_text(json.dumps({
      'files': {}, 'config_sha256': config_sha256(config)}))
  # Its bytes are nobody's concern.
  (folder / 'config.json').write_text(json.dumps(config))
  assert len(read_runs([folder])) == 1
  (folder / 'config.json').write_text(json.dumps({**config, 'seed': 12}))
  with pytest.raises(InputError, match='config.json is not the file that the run'):
    read_runs([folder])


def test_predictions_that_do_not_count_to_the_results_are_refused(make):
  path = make('a') / 'predictions.csv'
  first, *lines = path.read_text().splitlines(keepends=True)
  path.write_text(''.join([first, *lines[1:], lines[1]]))
  with pytest.raises(InputError, match='predictions.csv does not count to'):
    read_runs([path.parent])


def test_published_figures_are_folded(make, tmp_path):
  text = made([make('a')], tmp_path / 'out')['report.html']
  section = text[text.index('<section id="published">'):]
  section = section[:section.index('</section>')]
  assert re.search(r'<details>\s*<summary>[0-9]+ figures that others', section)
  assert section.index('<details>') < section.index('<table>')


def test_latex_can_be_pasted(table_of_runs, make, tmp_path):
  wide = make('c', dataset='samm_é', class_set='三类', classes=('惊讶', 'a_b', '100 %'))
  text = made([*table_of_runs, wide], tmp_path / 'out')['table.tex']
  assert text.isascii() and text.count('\\begin{table}') == 1
  assert ' & UF1 & UAR & accuracy \\\\' in text
  (words,) = re.findall(r'\\caption\{(.*)\}', text)
  assert len(words) < 200
  names = dict(re.findall(r'\\providecommand\{\\(\w+)\}\{(.*?)\}(?: %|$)', text,
                          re.MULTILINE))
  assert names['lmLightmanConvFour'] == 'lightman, conv4'
  assert all(name.isalpha() for name in names)
  rows = [line for line in text.splitlines() if line.startswith('\\lm')]
  assert len(rows) == 7 + 4 and all(row.count(' & ') == 3 for row in rows)
  assert {row.split(' & ')[0][1:] for row in rows} < set(names)


def test_labels_are_text_whatever_they_hold(make, fill, tmp_path):
  classes = ('$\\frac{1}{0}$', '惊讶', 'c\x00\x1b_^%&')
  files = made([fill(make('a', classes=classes))], tmp_path / 'out')
  page = Reader(files['report.html'])
  assert all(name in page.text for name in ('$\\frac{1}{0}$', '惊讶', 'c_^%&'))
  assert '\x00' not in files['report.html'] and '\x1b' not in files['report.html']
