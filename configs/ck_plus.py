"""Posed macro-expressions (CK+, JAFFE, KDEF, RaFD, Oulu-CASIA), ten folds of people.

    python launch.py --config=configs/ck_plus.py:data=jaffe \\
        --config.data.manual_dir=FOLDER

Content, protocol and classes are in lightman_jax/configurations/ck_plus.py;
`python -m lightman_jax train --config=ck_plus` is the
same without a checkout.
"""

from lightman_jax.configurations.ck_plus import VARIANTS, get_config, sweep

__all__ = ['VARIANTS', 'get_config', 'sweep']
