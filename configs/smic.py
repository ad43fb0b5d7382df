"""SMIC-HS (Li et al. 2013), three classes, leave one subject out.

    python launch.py --config=configs/smic.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/smic.py;
`python -m lightman_jax train --config=smic` is the
same without a checkout.
"""

from lightman_jax.configurations.smic import get_config, sweep

__all__ = ['get_config', 'sweep']
