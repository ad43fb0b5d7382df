"""CD6ME (Varanka et al. 2023): action units, leave one data set out.

    python launch.py --config=configs/cd6me.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/cd6me.py;
`python -m lightman_jax train --config=cd6me` is the
same without a checkout.
"""

from lightman_jax.configurations.cd6me import get_config, sweep

__all__ = ['get_config', 'sweep']
