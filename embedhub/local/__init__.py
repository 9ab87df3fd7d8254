"""The one-machine default: an embedded Postgres, and one supervisor over web server and workers.

`postgres.py` runs the server that comes from PyPI · `children.py` says which processes there are
· `supervisor.py` keeps them alive · `prepare.py` migrates and makes the first key · `web.py` is
the web process · `home.py` is the folder where all of it keeps its state.
"""
