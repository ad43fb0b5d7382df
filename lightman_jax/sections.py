"""The sections of a configuration in which parts are named, by name or from outside.

A method and an encoder have a section of their own: it is what the named part can be
set to. A data set, a protocol and scores are named in a section that all share; what a
protocol from outside can be set to stands in it beside the rest.
"""

from collections.abc import Iterable, Mapping
import contextlib
import functools
import importlib
import pathlib
from typing import Any

from lightman_jax import places, registry
from lightman_jax.errors import InputError
from lightman_jax.options import Option, check_option, read_options, suggestion

# Which section a kind of part is named in, and under which name.
SECTIONS = {'method': ('method', 'name'), 'encoder': ('model', 'encoder'),
            'data': ('data', 'name'), 'protocol': ('episodes', 'protocol'),
            'score': ('evaluation', 'scores')}
# What variants behind the colon, and keywords in Python, name: KIND=VALUE.
VARIANTS = {'method': 'method.name', 'encoder': 'model.encoder',
            'macro': 'macro.source', 'protocol': 'episodes.protocol',
            'support': 'evaluation.support', 'labels': 'labels.kind',
            'data': 'data.name',
            'score': 'evaluation.scores'}
# Rows beside every result that are no methods of a configuration.
ROWS = ('constant', 'svm', 'ridge', 'ridge_raw')
# Kinds whose section is what the part can be set to.
OWN = ('method', 'encoder')
# What such a section has besides: it is set around a whole run.
AROUND = {'method': (), 'encoder': ('matmul_precision',)}
HASH = 'sha256'      # of code from outside
TABLE_SUFFIXES = ('.csv', '.tsv', '.xls', '.xlsx')


def options_of(kind: str, name: str) -> dict[str, Option]:
  """What a part can be set to, by name.

  Args:
    kind: of `SECTIONS`.
    name: in its table, or that of code from outside which was allowed.

  Raises:
    InputError: there is no such part, or its settings cannot be read.
  """
  if kind in ('data', 'score'):
    return {}
  part = registry.find(kind, name)
  options = read_options(part)
  taken = {SECTIONS[kind][1], HASH, *AROUND.get(kind, ())} & set(options)
  if taken:
    raise InputError(f'{kind}={name}: {sorted(taken)[0]} cannot be the name of a '
                     'setting; call it otherwise')
  return options


def hint(kind: str, value: Any) -> str:
  """What to write in the place of a row, or of a file; '' where a value is neither.

  Args:
    kind: of `VARIANTS`, or 'config'.
    value: that was given.
  """
  text = str(value)
  if kind == 'method' and text.casefold() in ROWS:
    alone = f"; lm.Classifier(method='{text.casefold()}') is it alone"
    return (f'method={text}: {text.casefold()} is a row beside every result, not a '
            f'method of a configuration{alone * (text.casefold() != "constant")}')
  if kind == 'macro' and registry.is_outside(text):
    return (f'macro={text}: a data set from outside has no macro clips for another '
            'one; list them in a csv, which macro=manifest with macro.data.path=CSV is')
  path = pathlib.Path(places.expand(text))
  suffix = path.suffix.casefold()
  if registry.is_outside(text) or suffix not in TABLE_SUFFIXES and not (
      (suffix or len(path.parts) > 1) and path.is_file()):
    return ''
  if suffix == '.py':
    return '' if kind == 'config' else (
        f'{kind}={text} is a file; say what of it is meant, as {kind}={text}:NAME')
  return f'{kind}={text} is the name of a file; ' + {
      'macro': f'macro-expressions of your own are macro=manifest with macro.data.path='
               f'{text}',
      'protocol': 'folds out of a file are protocol=examples/own_folds.py:from_csv',
  }.get(kind, 'a list of clips of your own is data.path of the configuration manifest: '
        f'--config=configs/manifest.py --config.data.path={text}, in Python '
        f"lm.settings('manifest', **{{'data.path': {text!r}}})")


def owners(kind: str, setting: str) -> list[str]:
  """The names in the table that have a setting."""
  return [name for name in registry.TABLES[kind] if setting in options_of(kind, name)]


def names_in(kind: str, value: Any) -> list[str]:
  """The parts that a setting names: one, or, of scores, some with commas between."""
  if kind != 'score':
    return [value]
  return [name.strip() for name in str(value).split(',') if name.strip()]


def choose(kind: str, name: str, old: Mapping[str, Any] = {}) -> dict[str, Any]:
  """The section in which a person names a part.

  Args:
    kind: of `SECTIONS`.
    name: in its table, or 'my_file.py:proximal_maml', which is run to read its
      settings.
    old: the section as it was. What it was changed to is kept where the part has the
      setting.

  Returns:
    The name, the SHA-256 of code from outside, a value for every option, and whatever
    of the section is not the part's.

  Raises:
    InputError: there is no such part.
  """
  if said := hint(kind, name):
    raise InputError(said)
  outside = [one for one in names_in(kind, name) if registry.is_outside(one)]
  codes = [registry.allow_or_keep(kind, one).sha256 for one in outside]
  code = {HASH: ','.join(codes)} if codes else {}
  (section, key), options = SECTIONS[kind], _options_in(kind, name)
  if kind not in OWN:
    # Without what another protocol from outside could be set to.
    rest = {one: value for one, value in old.items()
            if one in options or one in _shared(section) and one != key}
    return {key: name, **code,
            **{one: option.default for one, option in options.items()}, **rest}
  usual = _defaults(kind)
  kept = {one: value for one, value in old.items()
          if one in options and value != usual.get(one)
          and type(value) is type(options[one].default)}
  return {key: name, **code,
          **{one: old[one] for one in AROUND[kind] if one in old},
          **{one: kept.get(one, option.default) for one, option in options.items()}}


def _options_in(kind: str, name: str) -> dict[str, Option]:
  """What stands in the section because of a part."""
  return options_of(kind, name) if kind in OWN or registry.is_outside(name) else {}


def fit(config: Any) -> None:
  """Makes each section that of the part which is named in it, in place.

  Args:
    config: complete, nested; a dict or a ConfigDict, locked or not.

  Raises:
    InputError: there is no such part.
  """
  for kind, (section, key) in SECTIONS.items():
    old = dict(config[section].items())
    if not needs_fit(kind, old.get(key, ''), old):
      continue
    new = choose(kind, old[key], old)
    if set(new) == set(old) and new.get(HASH) == old.get(HASH):
      continue
    replace(config, section, new)


def needs_fit(kind: str, name: Any, section: Mapping[str, Any]) -> bool:
  """Whether a section is to be made anew for what it names.

  Args:
    kind: of `SECTIONS`.
    name: what the section names, or shall name.
    section: as it is.
  """
  return (kind in OWN or HASH in section
          or any(map(registry.is_outside, names_in(kind, name))))


def replace(config: Any, section: str, new: Mapping[str, Any]) -> None:
  """Puts a section in the place of another; a ConfigDict may be locked."""
  with getattr(config, 'unlocked', contextlib.nullcontext)():
    for name in set(config[section]) - set(new):
      del config[section][name]
    for name, value in new.items():
      config[section][name] = value


def check(kind: str, flat: Mapping[str, Any]) -> Any:
  """Refuses a section that is not that of the part which it names.

  Args:
    kind: of `SECTIONS`.
    flat: all settings, under dotted names.

  Returns:
    The part as it is set: an instance of its dataclass; None for anything else.

  Raises:
    InputError: a setting that the part does not have, lacks, or cannot take.
  """
  section, key = SECTIONS[kind]
  own = {name.removeprefix(f'{section}.'): value for name, value in flat.items()
         if name.startswith(f'{section}.')}
  name, code = own.pop(key, ''), own.pop(HASH, None)
  _check_code(kind, name, code)
  if kind == 'score':
    for one in names_in(kind, name):
      registry.find(kind, one)
  options = _options_in(kind, name)
  more = [one for one in own if kind in OWN and one not in (*options, *AROUND[kind])]
  if more:
    usual = _defaults(kind)
    first = next((one for one in more if own[one] != usual.get(one)), more[0])
    raise InputError(refusal(kind, name, first, own[first]))
  if lacking := [one for one in options if one not in own]:
    raise InputError(f'{section}.{lacking[0]} is missing, which {section}.{key}={name} '
                     'has; give it a value')
  for one, option in options.items():
    check_option(f'{section}.{one}', option, own[one])
  part = registry.find(kind, name) if kind in OWN else None
  return (part(**{one: own[one] for one in options})
          if isinstance(part, type) and hasattr(part, 'check') else None)


def is_second_order(method: Mapping[str, Any]) -> bool:
  """Whether an outer gradient goes through the inner steps of a method.

  It does where the method says so, by `second_order = True`, and where it is not set to
  take the inner gradients as constants, by `first_order`.

  Args:
    method: the section of a configuration: the name, and what it is set to.

  Raises:
    InputError: there is no such method.
  """
  return (getattr(registry.find('method', method['name']), 'second_order', False)
          and not method.get('first_order', False))


def refusal(kind: str, name: str, setting: str, value: Any) -> str:
  """Why a part cannot have a setting, and which has it."""
  section, key = SECTIONS[kind]
  have = owners(kind, setting)
  if not have:
    options = {**options_of(kind, name), **({} if kind in OWN else _shared(section))}
    return (f'{section}.{key}={name} has no setting {setting!r}'
            + suggestion(setting, options))
  return (f'{section}.{setting}={value} means nothing for {section}.{key}={name}: '
          f'{", ".join(have)} {"has" if len(have) == 1 else "have"} that setting; '
          f'leave it out, or use {section}.{key}={have[0]}')


def build(kind: str, name: str, options: Mapping[str, Any], *before: Any) -> Any:
  """What a part makes: `part(*before, **options)`, or a dataclass's `make(*before)`.

  Raises:
    InputError: it is code from outside, and would end the program.
  """
  part = registry.find(kind, name)
  try:
    with registry.same_folder():
      if isinstance(part, type) and hasattr(part, 'make'):
        return part(**options).make(*before)
      return part(*before, **options)
  except SystemExit as error:
    raise InputError(f'{kind}={name} would end the program '
                     f'({registry.describe(error)}); take sys.exit out') from error


def allow_again(config: Mapping[str, Any], named: Mapping[str, str | None],
                kinds: Iterable[str] = SECTIONS) -> None:
  """Runs code from outside that a run names, where a person names it again.

  Args:
    config: of the run, nested; nothing in it is trusted.
    named: kind of part -> what the person named, some with commas between; None where
      nothing.
    kinds: which are needed.

  Raises:
    InputError: code is needed and was not named, was named and is not needed, or is
      other code than that of the run.
  """
  for kind in kinds:
    section, key = SECTIONS[kind]
    value = config[section].get(key, '')
    recorded = [name for name in names_in(kind, value) if registry.is_outside(name)]
    again = [name for text in filter(None, [named.get(kind)])
             for name in names_in(kind, text)]
    if again and (len(again) != len(recorded) or not all(
        map(registry.is_outside, again))):
      raise InputError(
          f'--{kind}={",".join(again)} names code from outside again, as FILE.py:NAME, '
          f'and the run has {kind}={label(kind, value)}; leave it out, or name what '
          'the run had')
    for name, one in zip(recorded, again):
      registry.allow(kind, one, recorded=name)
    if again:
      _check_code(kind, value, config[section].get(HASH))
    elif not all(registry.is_allowed(kind, name) for name in recorded):
      raise registry.NotNamed(
          f'the run has {kind}={value}, code from outside of the package, which no run '
          f'folder can have executed; name the same file again, with '
          f'--{kind}={value}')


def label(kind: str, value: Any) -> str:
  """What a setting names, without folders."""
  return ','.join(map(registry.label, names_in(kind, str(value))))


def words(config: Mapping[str, Any]) -> list[str]:
  """What a folder's name says of a configuration: data set, method, encoder."""
  return [label(kind, config[section][key]) for kind, (section, key)
          in ((kind, SECTIONS[kind]) for kind in ('data', 'method', 'encoder'))]


def outside(config: Mapping[str, Any]) -> dict[str, Any]:
  """Name, hash and text of the code from outside that a configuration names.

  Args:
    config: complete, nested.

  Returns:
    Kind of part -> those three; of scores, a list.
  """
  code = {}
  for kind, (section, key) in SECTIONS.items():
    sources = [registry.source(kind, name)
               for name in names_in(kind, config[section].get(key, ''))
               if registry.is_outside(name)]
    records = [{'name': one.name, HASH: one.sha256, 'text': one.text}
               for one in sources]
    if records:
      code[kind] = records if kind == 'score' else records[0]
  return code


def _check_code(kind: str, value: Any, sha256: str | None) -> None:
  """Whether the code is that of the configuration, file by file."""
  names = [name for name in names_in(kind, value) if registry.is_outside(name)]
  recorded = str(sha256).split(',') if sha256 else []
  for number, name in enumerate(names):
    code = registry.source(kind, name)
    then = recorded[number] if number < len(recorded) else None
    if then not in (code.sha256, code.object_sha256):
      _refuse_code(kind, name, then, code.sha256)
  if len(recorded) > len(names):
    _refuse_code(kind, value, recorded[-1], None)


def _refuse_code(kind: str, name: str, then: str | None, now: str | None) -> None:
  then, now = (code[:12] if code else 'none' for code in (then, now))
  raise InputError(
      f'the {kind} {name} is other code than that of this configuration (SHA-256 '
      f'{then} there, {now} here); take the file as it was, or begin another run')


def _defaults(kind: str) -> dict[str, Any]:
  """Of every setting in the table: all that have it have the same."""
  return {key: one.default for name in registry.TABLES[kind]
          for key, one in options_of(kind, name).items()}


@functools.cache
def _shared(section: str) -> dict[str, Any]:
  """The settings of a section that is no part's own."""
  defaults = importlib.import_module('lightman_jax.configurations.defaults')
  return defaults.base()[section].to_dict()
