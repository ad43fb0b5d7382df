"""A real Slurm with two nodes on one machine, and what the files in jobs/ do in it.

    apt-get install slurm-wlm munge openmpi-bin    # Debian 12: Slurm 22.05
    python benchmarks/slurm.py --home=FOLDER --out=benchmarks/slurm.log     # as root

munged, slurmctld and two slurmd run from a folder, with names of nodes in a hosts file
that nobody else sees. A node is a process namespace, so killing it kills all that runs
there at once, as a power cut would. Accelerators are numbers only: jobs compute on the
CPU. A row tells what was done and what was seen; the last says how many rows are not as
they should be, which is also the exit code.
"""

import argparse
from collections.abc import Callable, Mapping
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
INSIDE = 'LIGHTMAN_SLURM_NAMESPACE'
PATIENCE = 1500.     # seconds for anything
TINY = (
    '--config=configs/synthetic.py:debug,method=supervised,encoder=mlp',
    '--config.data.size=16', '--config.data.frames=3',
    '--config.data.synthetic.subjects=3', '--config.data.synthetic.micro=6',
    '--config.data.synthetic.macro=2', '--config.training.checkpoint_every=20')
STEPS = 200
NODES = ('node1', 'node2')
CONF = """\
ClusterName=two
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=6917
SlurmUser=root
AuthInfo=socket={home}/munge.socket
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool-%n
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd-%n.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
SlurmdTimeout=20
MessageTimeout=60
KillWait=60
ReturnToService=2
MailProg=/bin/true
NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=6921 CPUs=8 \
RealMemory=65536 Gres=gpu:4
NodeName=node2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=6922 CPUs=8 \
RealMemory=65536 Gres=gpu:4
PartitionName=low Nodes=node1,node2 Default=YES PriorityTier=1
PartitionName=high Nodes=node1,node2 PriorityTier=2
"""


class Log:
  """Rows on standard output and in a file."""

  def __init__(self, path: str, home: pathlib.Path):
    self._file, self.wrong = open(path, 'w', encoding='utf-8'), 0
    self._began, self._home = time.monotonic(), str(home)

  def say(self, line: str) -> None:
    line = line.replace(self._home, 'HOME')
    for file in (self._file, sys.stdout):
      print(line, file=file, flush=True)

  def row(self, done: str, seen: str, right: bool) -> None:
    self.wrong += not right
    self.say(f'{time.monotonic() - self._began:6.0f} s  {"ok" if right else "NO"}  '
             f'{done}: {seen}')


class Cluster:
  """Daemons of a Slurm whose files lie in `home`; a context."""

  def __init__(self, home: pathlib.Path, environment: Mapping[str, str]):
    self.home = home
    self.environment = {**environment, 'SLURM_CONF': str(home / 'slurm.conf')}
    self._daemons: dict[str, subprocess.Popen] = {}

  def __enter__(self) -> 'Cluster':
    try:
      self._begin()
    except BaseException:
      self.__exit__()
      raise
    return self

  def _begin(self) -> None:
    for name in ('state', *(f'spool-{node}' for node in NODES)):
      shutil.rmtree(self.home / name, ignore_errors=True)
      (self.home / name).mkdir(parents=True)
    # Namespaces of mounts: what is laid over these files here, is there only here.
    hosts = pathlib.Path('/etc/hosts').read_text()
    (self.home / 'hosts').write_text(
        f'{hosts}\n127.0.0.1 {" ".join((*NODES, socket.gethostname()))}\n')
    subprocess.run(['mount', '--bind', self.home / 'hosts', '/etc/hosts'], check=True)
    key = self.home / 'munge.key'
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    (self.home / 'slurm.conf').write_text(
        CONF.format(home=self.home, host=socket.gethostname()))
    for number in range(4):
      place = self.home / f'gpu{number}'
      place.unlink(missing_ok=True)
      os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))      # as /dev/null
    (self.home / 'gres.conf').write_text(f'Name=gpu File={self.home}/gpu[0-3]\n')
    self._start('munged', 'munged', '--foreground', '--force', f'--key-file={key}',
                f'--socket={self.home}/munge.socket',
                f'--pid-file={self.home}/munged.pid',
                f'--log-file={self.home}/munged.log',
                f'--seed-file={self.home}/munged.seed')
    wait_for(lambda: (self.home / 'munge.socket').exists())
    self._start('slurmctld', 'slurmctld', '-D', '-i')
    for node in NODES:
      self.start_node(node)
    wait_for(lambda: self.call('sinfo', '-h', '-t', 'idle', '-o', '%D').strip() == '2')

  def __exit__(self, *_) -> None:
    with contextlib.suppress(subprocess.SubprocessError):
      self.call('scancel', '--user=root')
    for name in reversed(list(self._daemons)):
      self.kill(name)

  def _start(self, name: str, *command: str) -> None:
    with open(self.home / f'{name}.out', 'ab') as out:
      self._daemons[name] = subprocess.Popen(
          command, env=self.environment, stdout=out, stderr=out)

  def start_node(self, node: str) -> None:
    self._start(node, 'unshare', '--pid', '--fork', '--kill-child=KILL', '--mount-proc',
                'slurmd', '-D', '-N', node)

  def kill(self, name: str) -> None:
    """A daemon, and of a node all that runs there."""
    daemon = self._daemons.pop(name)
    daemon.kill()
    daemon.wait()

  def call(self, *command: str, **environment: str) -> str:
    """What a command prints."""
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          env={**self.environment, **environment})
    if done.returncode:
      print(done.stdout, file=sys.stderr)
    return done.stdout

  def submit(self, *words: str, **environment: str) -> str:
    """A job; returns its number."""
    said = self.call('sbatch', '--parsable', f'--output={self.home}/job-%j.log', *words,
                     **environment)
    if not re.fullmatch(r'\d+\s*', said):
      raise SystemExit(f'sbatch {" ".join(words)}: {said}')
    return said.strip()

  def about(self, job: str) -> dict[str, str]:
    """What scontrol tells of a job."""
    text = self.call('scontrol', '-o', 'show', 'job', job)
    return dict(word.partition('=')[::2] for word in text.split() if '=' in word)

  def wait_state(self, job: str, *states: str) -> dict[str, str]:
    """Until a job is in a state."""
    return wait_for(lambda: (about := self.about(job))['JobState'] in states and about)


def wait_for(ready: Callable):
  """What `ready` returns when it is true."""
  latest = time.monotonic() + PATIENCE
  while not (value := ready()):
    if time.monotonic() > latest:
      raise TimeoutError('it never came')
    time.sleep(.5)
  return value


def steps(run: pathlib.Path) -> int:
  """Lines of a run's log."""
  log = run / 'metrics.jsonl'
  return log.read_bytes().count(b'\n') if log.is_file() else 0


def finished(run: pathlib.Path) -> bool:
  return (run / 'results.json').is_file()


def lost_node(cluster: Cluster, log: Log, home: pathlib.Path) -> None:
  """A run over two nodes, one queued behind it, and a node that is killed."""
  run, other = home / 'runs/nodes', home / 'runs/one'
  words = (*TINY, f'--config.training.steps={STEPS}')
  job = cluster.submit('--partition=high', '--ntasks-per-node=1', 'jobs/slurm_nodes.sh',
                       *words, f'--workdir={run}', '--heartbeat=20')
  about = cluster.wait_state(job, 'RUNNING')
  log.row('slurm_nodes.sh --ntasks-per-node=1', f'job {job} runs on '
          f'{about["NodeList"]}, {about["NumTasks"]} tasks', about['NumNodes'] == '2')
  one = cluster.submit('jobs/slurm.sh', *TINY,
                       '--config.training.steps=2000000', f'--workdir={other}')
  time.sleep(2)
  about = cluster.about(one)
  log.row('slurm.sh behind it', f'job {one} is {about["JobState"]} '
          f'({about["Reason"]})', about['JobState'] == 'PENDING')
  wait_for(lambda: any(run.glob('checkpoints/*/about.json')))
  cluster.kill('node2')
  began = time.monotonic()
  about = wait_for(lambda: int((now := cluster.about(job))['Restarts']) and now)
  log.row('node2 is killed', f'after {steps(run)} lines of log; {job} is '
          f'{about["JobState"]} again after {time.monotonic() - began:.0f} s, restarts '
          f'{about["Restarts"]}', not finished(run))
  wait_for(lambda: steps(other) >= 4)
  log.row('meanwhile', f'{one} runs on {cluster.about(one)["NodeList"]}', True)
  cluster.start_node('node2')
  preempted(cluster, log, run, other, job, one)


def preempted(cluster: Cluster, log: Log, run: pathlib.Path, other: pathlib.Path,
              job: str, one: str) -> None:
  """The run over two nodes takes its nodes back, and both go on."""
  about = wait_for(lambda: int((now := cluster.about(one))['Restarts']) and now)
  log.row('node2 is back, the run over two nodes has priority',
          f'{one} is {about["JobState"]} again, restarts {about["Restarts"]}, '
          f'{steps(other)} lines of log', steps(other) > 0)
  about = cluster.wait_state(job, 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT')
  lines = steps(run)
  log.row('the run over two nodes', f'{about["JobState"]}, exit code '
          f'{about["ExitCode"]}, {lines} lines of log, results.json '
          f'{"is there" if finished(run) else "is missing"}',
          finished(run) and lines == 3 * STEPS)
  cluster.wait_state(one, 'RUNNING')
  before = steps(other)
  wait_for(lambda: steps(other) > before)
  log.row('slurm.sh goes on', f'from {before} lines of log, restarts '
          f'{cluster.about(one)["Restarts"]}', before > 0)
  # Slurm looks at limits once a minute, so the signal comes within two.
  minutes = int(cluster.about(one)['RunTime'].split(':')[-2]) + 4
  cluster.call('scontrol', 'update', f'JobId={one}', f'TimeLimit={minutes}')
  about = wait_for(lambda: int((now := cluster.about(one))['Restarts']) > 1 and now)
  text = (cluster.home / f'job-{one}.log').read_text(errors='replace')
  log.row(f'its time limit is now {minutes} minutes, SIGTERM two before',
          f'{one} is {about["JobState"]} again, restarts {about["Restarts"]}; it said '
          f'{last(text, "stopped by")!r}', 'stopped by SIGTERM' in text)
  cluster.call('scancel', one)
  cluster.wait_state(one, 'CANCELLED')


def last(text: str, words: str) -> str:
  """The last line with these words."""
  return next((line for line in reversed(text.splitlines()) if words in line), '')


def arrays(cluster: Cluster, log: Log, home: pathlib.Path) -> None:
  """The commands of a sweep as an array."""
  commands = cluster.call(
      sys.executable, 'launch.py', *TINY, '--sweep=methods:supervised', '--seeds=2',
      '--list', f'--workdir={home}/runs/sweep')
  (home / 'list.txt').write_text(commands)
  log.row('--sweep --list', f'{commands.count(chr(10))} commands, the first '
          f'{commands.partition(chr(10))[0]!r}', commands.count('\n') == 2)
  job = cluster.submit('--array=1-2', '--export=ALL', 'jobs/slurm_array.sh',
                       LIST=f'{home}/list.txt')
  runs = [home / f'runs/sweep/supervised-seed{seed}' for seed in (0, 1)]
  wait_for(lambda: not cluster.call('squeue', '-h', '-j', job).strip())
  done = sum(map(finished, runs))
  log.row('slurm_array.sh with that list', f'array {job}: {done} of 2 runs are '
          'finished', done == 2)


def mpi(cluster: Cluster, log: Log, home: pathlib.Path) -> None:
  """Two processes by mpirun, without Slurm."""
  run = home / 'runs/mpi'
  said = cluster.call('mpirun', '-np', '2', '--allow-run-as-root', '--oversubscribe',
                      sys.executable, 'launch.py', '--distributed', *TINY,
                      f'--workdir={run}')
  about = json.loads((run / 'environment.json').read_text())['devices'] if (
      run / 'environment.json').is_file() else {}
  log.row('mpirun -np 2', f'processes {about.get("processes")}, results.json '
          f'{"is there" if finished(run) else "is missing: " + said[-300:]}',
          finished(run) and about.get('processes') == 2)


def hidden(cluster: Cluster, log: Log, home: pathlib.Path) -> None:
  """GPUs that Slurm hides from jax are refused at once."""
  began = time.monotonic()
  said = cluster.call('srun', '--nodes=1', '--ntasks=2', '--gpus-per-task=1',
                      '--kill-on-bad-exit=1', sys.executable, 'launch.py',
                      '--distributed', *TINY, f'--workdir={home}/runs/hidden')
  log.row('srun --gpus-per-task=1', f'{last(said, "launch.py: ")!r} after '
          f'{time.monotonic() - began:.0f} s', 'JAX_LOCAL_DEVICE_IDS=0' in said)


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--home', required=True, type=pathlib.Path)
  parser.add_argument('--out', required=True)
  parser.add_argument('--only', default='arrays,mpi,hidden,lost_node')
  options = parser.parse_args()
  if INSIDE not in os.environ:
    os.environ[INSIDE] = '1'
    os.execvp('unshare', ['unshare', '--mount', '--propagation=private', sys.executable,
                          *sys.argv])
  home = options.home.resolve()
  shutil.rmtree(home / 'runs', ignore_errors=True)
  home.mkdir(parents=True, exist_ok=True)
  for old in home.glob('job-*.log'):
    old.unlink()
  log = Log(options.out, home)
  places = {'XDG_CACHE_HOME': home / 'cache', 'TFDS_DATA_DIR': home / 'data',
            'JAX_COMPILATION_CACHE_DIR': home / 'xla',
            'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': 0,
            'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': -1, 'JAX_NUM_CPU_DEVICES': 1,
            # What a job calls python.
            'PATH': f'{pathlib.Path(sys.executable).parent}:{os.environ["PATH"]}'}
  environment = {**os.environ, **{name: str(word) for name, word in places.items()}}
  version = lambda *command: subprocess.run(
      command, capture_output=True, text=True).stdout.partition('\n')[0].strip()
  log.say(f'{version("slurmctld", "-V")}; {version("munged", "--version")}; '
          f'{version("mpirun", "--version")}; Python {sys.version.split()[0]}; '
          f'{len(os.sched_getaffinity(0))} cores; two slurmd -N on one machine')
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  with Cluster(home, environment) as cluster:
    for name in options.only.split(','):
      {'lost_node': lost_node, 'arrays': arrays, 'mpi': mpi, 'hidden': hidden}[name](
          cluster, log, home)
  log.say(f'{log.wrong} rows are not as they should be')
  return log.wrong


if __name__ == '__main__':
  sys.exit(main())
