"""MEGC2019's composite (See et al. 2019): three data sets, leave one subject out.

    python launch.py --config=configs/megc2019.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/megc2019.py;
`python -m lightman_jax train --config=megc2019` is the
same without a checkout.
"""

from lightman_jax.configurations.megc2019 import get_config, sweep

__all__ = ['get_config', 'sweep']
