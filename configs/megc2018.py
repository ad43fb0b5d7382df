"""MEGC2018's composite (Yap et al. 2018): objective classes, two data sets.

    python launch.py --config=configs/megc2018.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/megc2018.py;
`python -m lightman_jax train --config=megc2018` is the
same without a checkout.
"""

from lightman_jax.configurations.megc2018 import get_config, sweep

__all__ = ['get_config', 'sweep']
