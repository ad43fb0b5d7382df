"""CAS(ME)^2 (Qu et al. 2018), micro- and macro-expressions, leave one subject out.

    python launch.py --config=configs/casme_squared.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/casme_squared.py;
`python -m lightman_jax train --config=casme_squared` is the
same without a checkout.
"""

from lightman_jax.configurations.casme_squared import VARIANTS, get_config, sweep

__all__ = ['VARIANTS', 'get_config', 'sweep']
