"""Pages are found, lead somewhere, and name commands and settings that exist."""

import importlib
import importlib.util
import pathlib
import re
import shlex

import pytest
import yaml

from lightman_jax import completion, registry, sections, settings_command
from lightman_jax.configurations import named
from lightman_jax.options import read_options

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
PAGES = sorted([*DOCS.rglob('*.md'), ROOT / 'README.md', ROOT / 'CONTRIBUTING.md'])
every_page = pytest.mark.parametrize('path', PAGES,
                                     ids=lambda path: str(path.relative_to(ROOT)))


def pages_of(nav) -> list[str]:
  """The files of a part of mkdocs.yml's nav, from first to last."""
  if isinstance(nav, str):
    return [nav]
  parts = nav.values() if isinstance(nav, dict) else nav
  return [name for part in parts for name in pages_of(part)]


def text_of(path: pathlib.Path) -> str:
  return path.read_text(encoding='utf-8')


def prose(text: str) -> str:
  """A page without its blocks of code."""
  return re.sub(r'^```.*?^```', '', text, flags=re.S | re.M)


def anchors(path: pathlib.Path) -> set[str]:
  """What a link can end in, as mkdocs and GitHub make it of headings."""
  return {re.sub(r'[^\w\- ]', '', title.lower()).strip().replace(' ', '-')
          for title in re.findall(r'^#+ (.*)$', prose(text_of(path)), re.M)}


def test_every_page_is_in_the_nav_and_there():
  site = yaml.safe_load(text_of(ROOT / 'mkdocs.yml'))
  names = pages_of(site['nav'])
  assert len(names) == len(set(names)) >= 20
  # Notebooks become pages when the site is built.
  assert set(names) == {str(path.relative_to(DOCS)) for path in DOCS.rglob('*.md')} | {
      f'notebooks/{path.stem}.md' for path in (ROOT / 'examples').glob('*.ipynb')}
  assert site['theme']['font'] is False
  assert not {'extra_css', 'extra_javascript'} & set(site)


@every_page
def test_a_page_has_one_title_and_no_other_host_is_needed(path):
  text = prose(text_of(path))
  assert len(re.findall(r'^# ', text, re.M)) == 1
  assert not re.search(r'!\[[^]]*\]\(https?:|<(img|script|link)\b', text)


@every_page
def test_links_lead_somewhere(path):
  for target in re.findall(r'(?<!!)\[[^]\n]*\]\(([^)\s]+)\)', prose(text_of(path))):
    if target.startswith(('https://', 'http://', 'mailto:')):
      continue
    file, _, anchor = target.partition('#')
    other = (path.parent / file).resolve() if file else path
    assert other.is_file(), target
    # The site holds docs/ alone, and the notebooks.
    assert (DOCS not in path.parents or DOCS in other.parents
            or other.suffix == '.ipynb'), target
    assert not anchor or anchor in anchors(other), target


def commands(text: str) -> list[str]:
  """The commands of a page: of blocks of sh, and indented ones of the program."""
  blocks = re.findall(r'^```sh\n(.*?)^```', text, re.S | re.M)
  blocks += re.findall(r'(?:^    (?:python|pip) .*\n(?:        .*\n)*)+', text, re.M)
  lines = '\n'.join(blocks).replace('\\\n', ' ').split('\n')
  return [part.strip() for line in lines for part in line.split('&&') if part.strip()]


@every_page
def test_commands_and_settings_that_are_named_exist(path):
  words = completion.words_of_commands()
  for command in commands(text_of(path)):
    program, *rest = shlex.split(command, comments=True)
    if program in ('pip', 'mkdocs', 'pytest', 'hadolint', 'sbatch', 'uv', '.'):
      continue
    assert program in ('python', 'python3'), command
    if rest[:2] == ['-m', 'lightman_jax']:
      name, rest = rest[2], rest[3:]
    elif rest[0] == 'launch.py':
      name, rest = 'train', rest[1:]
    else:
      assert rest[0] == '-m' or (ROOT / rest[0]).is_file(), command
      continue
    assert name in words, command
    check_words(name, rest, words[name])


def check_words(name: str, words_after: list[str], known: list[str]) -> None:
  """Whether a command has its flags, a configuration its variants and settings."""
  flags = {word.partition('=')[0] for word in known}
  outside = {}
  for word in words_after:
    flag, _, value = word.partition('=')
    if flag == '--config':
      outside = check_config(value)
  for word in words_after:
    flag, _, value = word.partition('=')
    if flag.startswith('--config.'):
      setting = flag.removeprefix('--config.')
      settings = {**settings_command.all_settings(), **outside}
      assert setting in settings, word
      if settings[setting].choices:
        assert value in settings[setting].choices, word
    elif flag.startswith('--'):
      assert flag in flags or flag == '--config', f'{name}: {word}'
    elif name == 'explain':
      assert word in known or word == 'CODE', word
    elif name == 'settings' and '=' in word and word.partition('=')[2] != 'NAME':
      kind, _, part = word.partition('=')
      if registry.is_outside(part):
        assert (ROOT / part.partition(':')[0]).is_file() or 'FILE' in part, word
      else:
        assert part in registry.TABLES[kind], word
    elif name == 'settings' and '=' not in word and word not in ('WORD', 'NAME'):
      assert settings_command.search(word)


def check_config(value: str) -> dict:
  """Whether a configuration and its variants exist; the settings of parts outside."""
  file, _, variants = value.partition(':')
  name = pathlib.PurePath(file).name.removesuffix('.py')
  assert name in named.NAMES, value
  assert file == name or (ROOT / file).is_file(), value
  outside, plain = {}, []
  for variant in filter(None, variants.split(',')):
    kind, _, part = variant.partition('=')
    if not registry.is_outside(part):
      plain.append(variant)
      continue
    module = ROOT / part.partition(':')[0]
    assert module.is_file(), value
    if kind in sections.OWN:
      spec = importlib.util.spec_from_file_location(module.stem, module)
      example = importlib.util.module_from_spec(spec)
      spec.loader.exec_module(example)
      options = read_options(getattr(example, part.partition(':')[2]))
      outside |= {f'{sections.SECTIONS[kind][0]}.{key}': option
                  for key, option in options.items()}
  named.configuration(name)(','.join(plain))
  return outside


@pytest.fixture(scope='module')
def generate():
  spec = importlib.util.spec_from_file_location('generate', DOCS / 'generate.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.mark.parametrize('name', ['settings', 'commands', 'refusals'])
def test_pages_out_of_the_code_are_those_of_today(name, generate):
  page = f'reference/{name}.md'
  assert text_of(DOCS / page) == generate.PAGES[page](), 'python docs/generate.py'


def test_the_page_of_settings_has_all_of_them():
  text = text_of(DOCS / 'reference' / 'settings.md').partition('## Names of')[0]
  assert set(re.findall(r'^\| `([\w.]+)` \|', text, re.M)) == set(
      settings_command.all_settings())


def test_the_api_names_what_is_there():
  text = text_of(DOCS / 'reference' / 'api.md')
  for name, _, members in re.findall(
      r'^::: (\S+)(\n    options:\n      members: \[(.*)\])?', text, re.M):
    try:
      part = importlib.import_module(name)
    except ModuleNotFoundError:
      module, _, last = name.rpartition('.')
      part = getattr(importlib.import_module(module), last)
    assert all(hasattr(part, member) for member in members.split(', ') if member), name


def test_the_door_is_documented():
  lm = importlib.import_module('lightman_jax')
  text = text_of(DOCS / 'reference' / 'api.md')
  assert {name for name in lm.__all__ if not re.search(rf'\b{name}\b', text)} == set()


def test_the_readme_is_a_screen_for_each_reader():
  text = text_of(ROOT / 'README.md')
  parts = re.split(r'^## ', text, flags=re.M)
  assert max(len(part.splitlines()) for part in parts) <= 48
  first, launch = parts[1], 'python launch.py --config=configs/synthetic.py'
  assert first.startswith('Two commands\n')
  assert f'\n    pip install -e . && {launch}\n' in first
  assert "\n    pip install -e '.[test]' && pytest\n" in first
