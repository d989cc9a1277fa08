"""``python -m openmimc``: the command ``openmimc``."""

from openmimc.cli.main import main

main()
