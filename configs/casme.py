"""CASME (Yan et al. 2013), four classes, leave one subject out.

    python launch.py --config=configs/casme.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/casme.py;
`python -m lightman_jax train --config=casme` is the
same without a checkout.
"""

from lightman_jax.configurations.casme import VARIANTS, get_config, sweep

__all__ = ['VARIANTS', 'get_config', 'sweep']
