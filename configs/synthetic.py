"""Synthetic faces: runs anywhere, needs no data.

    python launch.py --config=configs/synthetic.py

Its content, protocol, classes and published figures are in
lightman_jax/configurations/synthetic.py;
`python -m lightman_jax train --config=synthetic` is the
same without a checkout.
"""

from lightman_jax.configurations.synthetic import get_config, sweep

__all__ = ['get_config', 'sweep']
