"""All data sets that can be made up, by the name under which they are built."""

from lightman_jax.synthetic.replicas import (
    casme,
    casme2,
    casme_cubed,
    casme_squared,
    dfme,
    mmew,
    samm,
    samm_long,
    smic,
    smic_long,
)

REPLICAS = {
    'casme': casme.REPLICA,
    'casme2': casme2.REPLICA,
    'casme_squared': casme_squared.REPLICA,
    'casme_cubed': casme_cubed.PART_A,
    'casme_cubed_c': casme_cubed.PART_C,
    'dfme': dfme.REPLICA,
    'mmew': mmew.REPLICA,
    'samm': samm.REPLICA,
    'samm_long': samm_long.REPLICA,
    'smic': smic.REPLICA,
    'smic_vis': smic.REPLICA,     # one tree holds all three cameras
    'smic_nir': smic.REPLICA,
    'smic_long': smic_long.REPLICA,
}
