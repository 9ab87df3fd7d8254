"""Steam purchases read from a folder of the user's own (Kaggle: tamber/steam-video-games); pure."""

from pathlib import Path

import numpy as np

from embedhub.recommend.interactions import Interactions

PURCHASES = "game_purchase.dat"


def read_steam(folder: Path) -> Interactions:
    """Return who bought what, once each, without times; the first line is a header."""
    table = np.loadtxt(folder / PURCHASES, delimiter="\t", skiprows=1)[:, :2]
    pairs = np.unique(table.astype(np.int64), axis=0) - 1
    return Interactions(
        users=pairs[:, 0],
        items=pairs[:, 1],
        values=np.ones(len(pairs)),
        times=None,
        n_users=int(pairs[:, 0].max()) + 1,
        n_items=int(pairs[:, 1].max()) + 1,
    )
