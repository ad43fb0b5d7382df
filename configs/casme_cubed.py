"""CAS(ME)^3 (Li et al. 2023), part A, seven classes, leave one subject out.

    python launch.py --config=configs/casme_cubed.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/casme_cubed.py;
`python -m lightman_jax train --config=casme_cubed` is the
same without a checkout.
"""

from lightman_jax.configurations.casme_cubed import VARIANTS, get_config, sweep

__all__ = ['VARIANTS', 'get_config', 'sweep']
