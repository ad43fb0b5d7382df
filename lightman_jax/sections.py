"""The section of a configuration that is what the named method can be set to."""

from collections.abc import Mapping
import contextlib
from typing import Any

from lightman_jax import registry
from lightman_jax.errors import InputError
from lightman_jax.options import Option, check_option, nearest, read_options

# Which section a kind of part has, and under which name the part is named there.
SECTIONS = {'method': ('method', 'name')}
HASH = 'sha256'      # of code from outside


def options_of(kind: str, name: str) -> dict[str, Option]:
  """What a method can be set to, by name.

  Args:
    kind: of `SECTIONS`.
    name: in its table, or that of code from outside which was allowed.

  Raises:
    InputError: there is no such part, or its settings cannot be read.
  """
  options = read_options(registry.find(kind, name))
  taken = {SECTIONS[kind][1], HASH} & set(options)
  if taken:
    raise InputError(f'{kind}={name}: {sorted(taken)[0]} cannot be the name of a '
                     'setting; call it otherwise')
  return options


def owners(kind: str, setting: str) -> list[str]:
  """The names in the table that have a setting."""
  return [name for name in registry.TABLES[kind] if setting in options_of(kind, name)]


def choose(kind: str, name: str, old: Mapping[str, Any] = {}) -> dict[str, Any]:
  """The section of a part that a person names.

  Args:
    kind: of `SECTIONS`.
    name: in its table, or 'my_file.py:proximal_maml', which is run to read its
      settings.
    old: a section of another name. What it was changed to is kept where both have the
      setting.

  Returns:
    The name, the SHA-256 of code from outside, and a value for every option.

  Raises:
    InputError: there is no such part.
  """
  code = ({HASH: registry.allow_or_keep(kind, name).sha256} if registry.is_outside(name)
          else {})
  options = options_of(kind, name)
  usual = _defaults(kind)
  kept = {key: value for key, value in old.items()
          if key in options and value != usual.get(key)
          and type(value) is type(options[key].default)}
  return {SECTIONS[kind][1]: name, **code,
          **{key: kept.get(key, one.default) for key, one in options.items()}}


def fit(config: Any) -> None:
  """Makes each section that of the part which is named in it, in place.

  Args:
    config: complete, nested; a dict or a ConfigDict, locked or not.

  Raises:
    InputError: there is no such part.
  """
  for kind, (section, key) in SECTIONS.items():
    old = dict(config[section].items())
    new = choose(kind, old[key], old)
    if set(new) == set(old) and new.get(HASH) == old.get(HASH):
      continue
    replace(config, section, new)


def replace(config: Any, section: str, new: Mapping[str, Any]) -> None:
  """Puts a section in the place of another; a ConfigDict may be locked."""
  with getattr(config, 'unlocked', contextlib.nullcontext)():
    for name in set(config[section]) - set(new):
      del config[section][name]
    for name, value in new.items():
      config[section][name] = value


def check(kind: str, given: Mapping[str, Any]) -> Any:
  """Refuses a section that is not that of the part which it names.

  Args:
    kind: of `SECTIONS`.
    given: all settings, under dotted names.

  Returns:
    The part as it is set: an instance of its dataclass; None for a function.

  Raises:
    InputError: a setting that the part does not have, lacks, or cannot take.
  """
  section, key = SECTIONS[kind]
  own = {name.removeprefix(f'{section}.'): value for name, value in given.items()
         if name.startswith(f'{section}.')}
  name, code = own.pop(key), own.pop(HASH, None)
  options = options_of(kind, name)
  _check_code(kind, name, code)
  if more := [one for one in own if one not in options]:
    usual = _defaults(kind)
    first = next((one for one in more if own[one] != usual.get(one)), more[0])
    raise InputError(refusal(kind, name, first, own[first]))
  if lacking := [one for one in options if one not in own]:
    raise InputError(f'{section}.{lacking[0]} is missing, which {section}.{key}={name} '
                     'has; give it a value')
  for one, value in own.items():
    check_option(f'{section}.{one}', options[one], value)
  part = registry.find(kind, name)
  return part(**own) if isinstance(part, type) else None


def refusal(kind: str, name: str, setting: str, value: Any) -> str:
  """Why a part cannot have a setting, and which has it."""
  section, key = SECTIONS[kind]
  have = owners(kind, setting)
  if not have:
    options = options_of(kind, name)
    near = f'; the nearest is {nearest(setting, options)!r}' if options else ''
    return f'{section}.{key}={name} has no setting {setting!r}{near}'
  return (f'{section}.{setting}={value} means nothing for {section}.{key}={name}: '
          f'{", ".join(have)} {"has" if len(have) == 1 else "have"} that setting; '
          f'leave it out, or use {section}.{key}={have[0]}')


def build(kind: str, name: str, options: Mapping[str, Any], *before: Any) -> Any:
  """What a part makes: `part(*before, **options)`, or a dataclass's `make(*before)`."""
  part = registry.find(kind, name)
  if isinstance(part, type) and hasattr(part, 'make'):
    return part(**options).make(*before)
  return part(*before, **options)


def allow_again(config: Mapping[str, Any], named: Mapping[str, str | None]) -> None:
  """Runs code from outside that a run names, where a person names it again.

  Args:
    config: of the run, nested; nothing in it is trusted.
    named: kind of part -> what the person named; None where nothing.

  Raises:
    InputError: code is needed and was not named, was named and is not needed, or is
      other code than that of the run.
  """
  for kind, (section, key) in SECTIONS.items():
    name, again = config[section][key], named.get(kind)
    if again is not None and not (registry.is_outside(name)
                                  and registry.is_outside(again)):
      raise InputError(f'--{kind}={again} names code from outside again, as '
                       f'FILE.py:NAME, and the run has {kind}='
                       f'{registry.label(str(name))}; leave it out, or name what the '
                       'run had')
    if again is not None:
      registry.allow(kind, again, recorded=name)
      _check_code(kind, name, config[section].get(HASH))
    elif registry.is_outside(name) and not registry.is_allowed(kind, name):
      raise registry.NotNamed(
          f'the run has {kind}={name}, code from outside of the package, which no run '
          f'folder can have executed; name the same file again, with '
          f'--{kind}={registry.label(name)}')


def outside(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
  """Name, hash and text of the code from outside that a configuration names."""
  code = {kind: registry.source(kind, config[section][key])
          for kind, (section, key) in SECTIONS.items()
          if registry.is_outside(config[section][key])}
  return {kind: {'name': one.name, HASH: one.sha256, 'text': one.text}
          for kind, one in code.items()}


def _check_code(kind: str, name: str, sha256: str | None) -> None:
  now = registry.source(kind, name).sha256 if registry.is_outside(name) else None
  if sha256 != now:
    short = lambda code: code[:12] if code else 'none'
    raise InputError(
        f'the {kind} {name} is other code than that of this configuration (SHA-256 '
        f'{short(sha256)} there, {short(now)} here); take the file as it was, or begin '
        'another run')


def _defaults(kind: str) -> dict[str, Any]:
  """Of every setting in the table: all that have it have the same."""
  return {key: one.default for name in registry.TABLES[kind]
          for key, one in options_of(kind, name).items()}
