"""Trains and evaluates what a configuration describes.

    python launch.py --config=configs/synthetic.py
    python launch.py --config=configs/synthetic.py:method=maml --config.seed=1
    python launch.py --config=configs/synthetic.py --sweep=methods --seeds=3

The same command goes on where an earlier one was stopped; a finished run says so. It is
python -m lightman_jax train for who has a checkout, and nothing of its own.
"""

import os
import sys

from lightman_jax import machine

machine.check('launch.py')     # before what does not exist on every system is imported

from lightman_jax.experiment import launch

if __name__ == '__main__':
  sys.exit(launch.start(sys.argv, program=(os.path.abspath(__file__),)))
