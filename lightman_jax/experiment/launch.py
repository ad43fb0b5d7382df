"""python -m lightman_jax train, and launch.py: a configuration becomes a run.

    python -m lightman_jax train --config=synthetic
    python -m lightman_jax train --config=synthetic:method=maml --config.seed=1
    python -m lightman_jax train --config=synthetic --sweep=methods --seeds=3

The same command goes on where an earlier one was stopped; a finished run says so.
"""

from collections.abc import Iterator, Sequence
import functools
import itertools
import os
import pathlib
import re
import shlex
import signal
import sys
import textwrap
from typing import Any, NoReturn

from absl import app, flags, logging
from ml_collections import config_flags

from lightman_jax import config_flag, files, machine, places, sections, settings
from lightman_jax.command_line import print_any_letter
from lightman_jax.configurations import defaults, named
from lightman_jax.errors import InputError
from lightman_jax.experiment import preconditions, several, sweep
from lightman_jax.options import nearest
from lightman_jax.runs import folder as run_folder, parts
from lightman_jax.runs.identity import name_of
from lightman_jax.training import stopping
from lightman_jax.units import counted

CONFIG = config_flags.DEFINE_config_file(
    'config', None, 'A configuration by name, or a file of your own, and variants: '
    'synthetic:method=maml,debug, FILE.py:debug')
flags.FLAGS['config'].parser = config_flag.FittingParser(flags.FLAGS['config'].parser)
WORKDIR = flags.DEFINE_string(
    'workdir', None, 'Folder of the run; by default one under runs/ that is a function '
    'of the configuration')
FRESH = flags.DEFINE_bool(
    'fresh', False, 'Delete what this program wrote in the folder, and begin anew')
RESUME_ANYWAY = flags.DEFINE_bool(
    'resume_anyway', False, 'Go on although code, packages, data or devices changed')
REPLAY = flags.DEFINE_bool(
    'replay', False, 'Redo the task in which training met a value that is not finite, '
    'operation by operation, and tell where it arises')
SWEEP = flags.DEFINE_string(
    'sweep', None, 'A family of runs that the configuration file knows, such as '
    'methods, or some of it, as methods:lightman,maml; each runs in a process of its '
    'own, in a folder of its own in the workdir')
SEEDS = flags.DEFINE_integer(
    'seeds', 1, 'How many seeds a variant of the sweep gets, from config.seed on',
    lower_bound=1)
PARALLEL = flags.DEFINE_integer(
    'parallel', 1, 'How many runs of the sweep share the machine', lower_bound=1)
LIST = flags.DEFINE_bool(
    'list', False, 'Only print the commands of the sweep, one a line, for any scheduler'
    )
FOLDS = flags.DEFINE_string(
    'folds', None, 'Train these folds of the run alone, as 0:8 for the first eight, as '
    'a job of its own in a folder of its own; python -m lightman_jax merge makes one '
    'run of all')
OF_SWEEP = flags.DEFINE_bool(
    'of_sweep', False, 'Ends when its standard input does; --sweep starts runs so')
GRACE = flags.DEFINE_float(
    'grace', stopping.GRACE, 'Seconds from SIGTERM, SIGUSR1, SIGHUP or Ctrl-C to the '
    'end of the program, in which the steps under way are finished and saved',
    lower_bound=0.)
DISTRIBUTED = flags.DEFINE_bool(
    'distributed', False, 'One of several processes that train this run, as the '
    'cluster says: Slurm, Open MPI, Kubernetes or Cloud TPU')
COORDINATOR = flags.DEFINE_string(
    'coordinator', None, 'HOST:PORT of process 0, where no cluster says it')
PROCESSES = flags.DEFINE_integer(
    'processes', None, 'How many processes train this run', lower_bound=1)
PROCESS = flags.DEFINE_integer('process', None, 'Which this is, from 0', lower_bound=0)
HEARTBEAT = flags.DEFINE_integer(
    'heartbeat', 60, 'Seconds after which a silent process is taken for lost, and all '
    'others end', lower_bound=2)
WORKER = flags.DEFINE_bool(
    'worker', False, 'Ends when its standard input does; what --distributed and '
    '--coordinator start is watched over so')


# What starts this program again, for the processes of a run or of a sweep: the words
# behind the interpreter.
TRAIN = ('-m', 'lightman_jax', machine.TRAIN)
_program = list(TRAIN)

# What absl, ml_collections and Python say of a flag, and what is said here.
SENTENCES = {
    r"\[Errno \d+\] ([^:]+): '([^']+)'":
        r'\2 cannot be read (\1); try --config=configs/synthetic.py',
    r'flag (.+): invalid literal for int': r'\1: this setting takes a whole number',
    r'flag (.+): could not convert string to float': r'\1: this setting takes a number',
    r"flag (--\S+?)=(\S*): \('Non-boolean argument to boolean flag'":
        r'\1=\2: this is a switch; give it without a value, or leave it out',
    r'flag (--\S+?)=.* as a ConfigDict':
        r'\1 is a section; give one of its settings, as \1.NAME=VALUE',
}
# What they say where a name of a flag, or of a setting, resembles no other.
NO_FLAG = re.compile(r"Unknown command line flag '([\w.]+)'")
NO_SETTING = re.compile(r"""^['\"]+(\w+)['\"]+$""")


def main(argv: list[str]) -> int:
  """Trains what the flags describe; returns the exit code."""
  if len(argv) > 1:
    name = argv[1].lstrip('-')
    raise InputError(setting_hint(name) or
                     f'{argv[1]!r} is no flag; did you mean --{name}?')
  logging.set_verbosity(logging.WARNING)   # orbax tells of every file it writes
  if OF_SWEEP.value or WORKER.value:
    sweep.end_with_parent()
  config = CONFIG.value.to_dict()
  settings.check(config)
  span = _span(config)
  shared = several.is_one_of_several(
      config, DISTRIBUTED.value, COORDINATOR.value, PROCESSES.value, PROCESS.value,
      SWEEP.value)
  if shared and not WORKER.value:
    return several.supervise([sys.executable, *_program, '--worker', *sys.argv[1:]])
  sweep.ask_for_determinism()
  # Who starts other processes ends after them.
  stopping.watch(GRACE.value + stopping.LINGER * (SWEEP.value is not None),
                 fresh=FRESH.value)
  files.check_open_files()
  places.use_home(lambda line: print(line, file=sys.stderr, flush=True))
  if SWEEP.value is not None:
    stopping.note_saved()      # by its runs: those that are finished are kept
    return run_sweep(config)
  preconditions.check(config)
  workdir = (places.expand(WORKDIR.value) if WORKDIR.value
             else pathlib.Path('runs', name_of(config, sections.words(config))
                               + (f'-folds{span.first}-{span.end}' if span else '')))
  if REPLAY.value:
    from lightman_jax.experiment import replay
    print(*replay.replay_lines(workdir), sep='\n')
    return 0
  if not FRESH.value and any(workdir.glob('**/checkpoints/*/about.json')):
    stopping.note_saved()
  work = functools.partial(run, config, workdir, span=span)
  return work() if not shared else several.join(
      functools.partial(work, several.open_run), coordinator=COORDINATOR.value,
      processes=PROCESSES.value, process=PROCESS.value, heartbeat=HEARTBEAT.value)


def _span(config: dict) -> parts.Span | None:
  """The folds that --folds names; refuses what cannot be done in parts."""
  if SWEEP.value is None:
    for flag, what in ((LIST, 'prints the commands of a'),
                       (SEEDS, 'is how many seeds each variant has of a'),
                       (PARALLEL, 'is how many runs at a time there are of a')):
      if flag.value != flag.default:
        raise InputError(f'--{flag.name} {what} --sweep; give that, too, as '
                         '--sweep=methods:lightman')
  if FOLDS.value is None:
    return None
  if SWEEP.value is not None:
    raise InputError('--folds is of one run, and --sweep of many; give the commands '
                     'that --list prints a --folds and a --workdir each')
  if config['select']['by'] != 'none':
    raise InputError('select.by=inner chooses over all folds of a run; leave out '
                     '--folds, or set select.by=none')
  return parts.read_span(FOLDS.value)


def run(config: dict, workdir: str | os.PathLike, open_run=parts.open_run,
        span: parts.Span | None = None) -> int:
  """Runs a configuration, or some folds of it, in a folder; returns the exit code."""
  with open_run(workdir, config=config, fresh=FRESH.value, span=span) as folder:
    finished = folder.is_finished()
    # jax takes seconds to import: a wrong setting is told of before.
    from lightman_jax.experiment import findings, run as experiment
    from lightman_jax.report import table
    results = experiment.run(config, folder, resume_anyway=RESUME_ANYWAY.value,
                             span=span)
    if span:
      print(f'the folds {span} are trained and predicted; when all parts are: python '
            f'-m lightman_jax merge {shlex.quote(str(folder.path))} RUN... --out=DIR')
    if not results:
      return 0     # process 0 has it
    with run_folder.blaming(folder.results):
      table.show(results)
    for line in findings.describe_files(folder):
      print(line)
    print(f'{"this run was finished before: " if finished else ""}{folder.path}')
  return 0


def run_sweep(config: dict) -> int:
  """Runs a family of the configuration file; returns the exit code."""
  flag = flags.FLAGS['config']
  file = config_flags.get_config_filename(flag)
  name, _, some = SWEEP.value.partition(':')
  family = sweep.subset(sweep.family(file.partition(':')[0], name), some)
  runs = sweep.plan(config, family, seeds=SEEDS.value, every=bool(some),
                    say=functools.partial(print, file=sys.stderr))
  preconditions.check(*(run.config for run in runs))
  folder = (places.expand(WORKDIR.value) if WORKDIR.value else pathlib.Path(
      'runs', name_of(config, [name, sections.words(config)[0]])))
  overrides = config_flags.get_override_values(flag)
  if LIST.value:
    words = ['python', *(_program if _program[0] == '-m' else ('launch.py',)),
             f'--config={_short(file)}',
             *(f'--config.{name}={value}' for name, value in overrides.items())]
    print(*map(shlex.join, sweep.commands(runs, folder, words).values()), sep='\n')
    return 0
  command = [sys.executable, *_program, f'--config={_short(file)}',
             '--of_sweep', f'--grace={GRACE.value}', f'--fresh={FRESH.value}',
             f'--resume_anyway={RESUME_ANYWAY.value}',
             *(f'--config.{name}={value}' for name, value in overrides.items())]
  failed = sweep.carry_out(runs, folder, command=command, parallel=PARALLEL.value,
                           again=FRESH.value)
  print(f'{len(runs) - len(failed)} of {counted(len(runs), "run", "is", "are")} '
        f'finished in {folder}'
        + (f'; these failed: {", ".join(failed)}' if failed else ''))
  place = shlex.quote(str(folder))
  print(f'next: python -m lightman_jax report {place}/*-seed*/ --out={place}/report'
        + ' --skip-unfinished' * bool(failed))
  return 1 if failed else 0


def given_twice(argv: Sequence[str]) -> Iterator[str]:
  """A line on each flag whose last value counts, for it has several.

  Args:
    argv: the words of the command; the first is what the program is called.
  """
  values: dict[str, list[str]] = {}
  words = [*argv[1:], '']
  for word, follows in itertools.pairwise(words):
    name, equals, value = word.partition('=')
    if name.startswith('-'):
      alone = not equals and not follows.startswith('-')
      values.setdefault(name.lstrip('-'), []).append(follows if alone else value)
  for name, some in values.items():
    if len(set(some)) > 1:
      yield (f'--{name} is given {len(some)} times ({", ".join(some)}): the last value '
             'counts')


def parse(argv: list[str]) -> list[str]:
  """Reads the flags; what is wrong with them is one sentence."""
  if {'--help', '-help', '--helpshort', '-h'} & set(argv[1:]):
    print(textwrap.dedent(__doc__ if argv[0] == machine.TRAIN else
                          sys.modules['__main__'].__doc__ or __doc__))
    print(flags.FLAGS.module_help(__name__))
    sys.exit(0)
  rest = _read_flags(flags.FLAGS, argv)
  if not {'--worker', '--of_sweep'} & set(argv):     # who starts these says it
    for line in given_twice(argv):
      print(line, file=sys.stderr)
  if CONFIG.value is None:
    raise InputError('no configuration is given: try --config=synthetic')
  return rest


def read_config(name: str, words: Sequence[str]) -> dict[str, Any]:
  """The checked settings of a configuration and flags, as a command reads them.

  Args:
    name: of a configuration, or a file, with variants behind a colon.
    words: --config.NAME=VALUE, or in two words.

  Raises:
    InputError: a sentence on what is wrong with them.
  """
  values = flags.FlagValues()
  config = config_flags.DEFINE_config_file('config', None, '', flag_values=values)
  values['config'].parser = config_flag.FittingParser(values['config'].parser)
  before, argv = sys.argv, [machine.program(), f'--config={name}', *words]
  # ml_collections reads the words of the process itself.
  sys.argv = argv
  try:
    rest = _read_flags(values, argv)
  finally:
    sys.argv = before
  if len(rest) > 1:
    raise InputError(f'{rest[1]!r} is no flag of this command; settings are given as '
                     '--config.data.path=FILE')
  settings.check(read := config.value.to_dict())
  return read


def _read_flags(values: flags.FlagValues, argv: list[str]) -> list[str]:
  """Reads words into flags; returns the others, behind that of the program."""
  try:
    # The shell leaves a ~ behind an equals sign as it is.
    rest = values(with_paths([
        re.sub(r'^(--?config=)(~.*)$', lambda match: match[1] + str(
            places.expand(match[2])), word) for word in argv]))
    if values['config'].value is not None:
      values['config'].value.to_dict()   # One that was not found tells of it only now.
    return rest
  except (flags.Error, AttributeError, KeyError, OSError, SyntaxError, TypeError,
          ValueError) as error:
    raise InputError(sentence(error, argv)) from None


def with_paths(argv: list[str]) -> list[str]:
  """Returns the flags, with the file of a configuration in the place of its name.

  A file configs/NAME.py that is not in this folder is that of the checkout, or of the
  package; standard error says so.
  """
  result, follows = [], False
  for word in argv:
    flag, equals, value = word.partition('=')
    if flag in ('--config', '-config') and equals:
      word = f'{flag}={_with_path(value, argv)}'
    elif follows:
      word = _with_path(word, argv)
    follows = word in ('--config', '-config')
    result.append(word)
  return result


def _with_path(config: str, argv: list[str]) -> str:
  file, colon, variants = config.partition(':')
  path = named.path_of(file)
  # Who starts these processes said it.
  if path.is_file() and not os.path.exists(file) and file not in named.NAMES and not (
      {'--worker', '--of_sweep'} & set(argv)):
    print(f'{file} is not in this folder; {path} is used', file=sys.stderr)
  return f'{path}{colon}{variants}'


def _short(config: str) -> str:
  """A configuration of the package by its name, as its folder is another elsewhere."""
  file, colon, variants = config.partition(':')
  return f'{named.name_of(file)}{colon}{variants}'


def setting_hint(flag: str) -> str:
  """What to say of a flag that is a setting without its `config.`; '' if it is none."""
  known = settings.flat(defaults.base().to_dict())
  name = flag.partition('=')[0]
  if name not in known:
    if name.partition('.')[0] not in defaults.base() or '.' not in name:
      return ''
    name = nearest(name, known) or 'SETTING'
  return (f'--{flag} is no flag: settings of a configuration are given as '
          f'--config.{name}=VALUE')


def unknown_setting(name: str, argv: list[str]) -> str:
  """What to say of a setting whose name resembles none of its section."""
  flag = next((word.partition('=')[0] for word in argv
               if name in word.partition('=')[0].split('.')), name)
  setting = flag.partition('.')[2] or name
  known = settings.flat(defaults.base().to_dict())
  return f'{flag}: {settings.no_setting(setting, known)}'


def sentence(error: Exception, argv: list[str]) -> str:
  """What flags and configuration files raise, as something to read."""
  text = str(error)
  if 'InputError: ' in text:
    # ml_collections hands on the whole traceback of a configuration file.
    return text.rsplit('InputError: ', 1)[1].strip()
  if isinstance(error, SyntaxError):
    return f'{error.filename} is not a configuration: {text}'
  unknown = re.search(r'Did you mean \\?"(\w+)\\?" instead of \\?"(\w+)', text)
  if unknown:
    right, wrong = unknown.groups()
    flag = next((word for word in argv if f'.{wrong}' in word), wrong)
    return f'{flag}: there is no setting {wrong!r}; the nearest is {right!r}'
  if match := NO_FLAG.search(text):
    flag = next((word.lstrip('-') for word in argv
                 if word.lstrip('-').partition('=')[0] == match[1]), match[1])
    if hint := setting_hint(flag):
      return hint
  match = NO_SETTING.search(text)
  if match and isinstance(error, (KeyError, AttributeError)):
    return unknown_setting(match[1], argv)
  matches = (re.search(pattern, text) for pattern in SENTENCES)
  sentences = (match.expand(SENTENCES[match.re.pattern]) for match in matches if match)
  return next(sentences, text)


def refuse(sentence: str, code: int = 2, *, at_once: bool = False) -> NoReturn:
  """Ends the program; `at_once`, before jax says once more what it has raised."""
  print(f'{machine.program()}: {sentence}', file=sys.stderr, flush=True)
  if at_once or '--worker' in sys.argv:
    sys.stdout.flush()
    os._exit(code)     # jax would wait for the other processes, which may be gone
  sys.exit(code)


def end(stopped: stopping.Stopped) -> NoReturn:
  """Ends a program that a signal stopped."""
  print(f'{machine.program()}: {stopped}', file=sys.stderr)
  stopping.leave(stopped.code)


def start(argv: Sequence[str], *, program: Sequence[str]) -> NoReturn:
  """Runs the program, and ends the process.

  Args:
    argv: the words of the command; the first is what the program is called.
    program: what starts it again, behind the interpreter.
  """
  _program[:] = program
  print_any_letter()
  try:
    app.run(main, argv=list(argv), flags_parser=parse)
  except InputError as error:
    # Of a program that called back and failed, jax waits at the exit, and raises again.
    refuse(error.with_code(), at_once=isinstance(error.__cause__, RuntimeError))
  except ConnectionAbortedError as error:
    refuse(str(error), several.LOST)
  except OSError as error:
    refuse(f'{files.explain_fault(error)} [{files.FAULT}]')
  except stopping.Stopped as stopped:
    end(stopped)
  except KeyboardInterrupt:
    end(stopping.Stopped(signal.SIGINT))


def train(arguments: Sequence[str]) -> NoReturn:
  """The command `train`; ends the process."""
  before = sys.argv
  # absl and ml_collections read the words of the process itself.
  sys.argv = [machine.TRAIN, *arguments]
  try:
    start(sys.argv, program=TRAIN)
  finally:
    sys.argv = before
