"""The tables of facts of all data sets, by name."""

from lightman_jax.data.datasets import (
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

TABLES = {facts.name: facts for facts in (
    casme.FACTS, casme2.FACTS, samm.FACTS, smic.HS, smic.VIS, smic.NIR, smic_long.FACTS,
    casme_squared.FACTS, samm_long.FACTS, casme_cubed.PART_A, casme_cubed.PART_C,
    mmew.FACTS, dfme.FACTS)}
