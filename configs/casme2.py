"""CASME II (Yan et al. 2014), five classes, leave one subject out.

    python launch.py --config=configs/casme2.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/casme2.py;
`python -m lightman_jax train --config=casme2` is the
same without a checkout.
"""

from lightman_jax.configurations.casme2 import VARIANTS, get_config, sweep

__all__ = ['VARIANTS', 'get_config', 'sweep']
