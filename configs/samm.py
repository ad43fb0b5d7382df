"""SAMM (Davison et al. 2018), five classes, leave one subject out.

    python launch.py --config=configs/samm.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/samm.py;
`python -m lightman_jax train --config=samm` is the
same without a checkout.
"""

from lightman_jax.configurations.samm import VARIANTS, get_config, sweep

__all__ = ['VARIANTS', 'get_config', 'sweep']
