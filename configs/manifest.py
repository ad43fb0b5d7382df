"""Anyone's own clips, listed in a csv: clip, subject, label, path, and more.

    python launch.py --config=configs/manifest.py --config.data.path=FILE.csv

Its content, protocol, classes and published figures are in
lightman_jax/configurations/manifest.py;
`python -m lightman_jax train --config=manifest` is the
same without a checkout.
"""

from lightman_jax.configurations.manifest import get_config, sweep

__all__ = ['get_config', 'sweep']
