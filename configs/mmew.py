"""MMEW (Ben et al. 2022), six classes, leave one subject out.

    python launch.py --config=configs/mmew.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/mmew.py;
`python -m lightman_jax train --config=mmew` is the
same without a checkout.
"""

from lightman_jax.configurations.mmew import VARIANTS, get_config, sweep

__all__ = ['VARIANTS', 'get_config', 'sweep']
