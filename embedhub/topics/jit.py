"""What is compiled at its first use stays for the next process."""

from embedhub.config import get_config


def keep_compiled() -> None:
    """Have Numba keep what it compiles in the home folder, where packages may not be written to.

    Call it before UMAP or HDBSCAN is imported.
    """
    import numba

    folder = get_config().home / "cache" / "numba"
    folder.mkdir(parents=True, exist_ok=True)
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
