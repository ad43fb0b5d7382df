"""DFME (Zhao et al. 2024), seven classes, ten folds of the training part's people.

    python launch.py --config=configs/dfme.py --config.data.manual_dir=FOLDER

Its content, protocol, classes and published figures are in
lightman_jax/configurations/dfme.py;
`python -m lightman_jax train --config=dfme` is the
same without a checkout.
"""

from lightman_jax.configurations.dfme import get_config, sweep

__all__ = ['get_config', 'sweep']
