"""Drawn faces alone, as ready flow pictures: what the open model is trained on.

    python launch.py --config=configs/open.py

Its content is in lightman_jax/configurations/open.py;
`python -m lightman_jax final open --out=MODEL` trains the model itself.
"""

from lightman_jax.configurations.open import get_config, sweep

__all__ = ['get_config', 'sweep']
