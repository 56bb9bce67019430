"""``python -m appx``."""

from appx.cli.main import main

main()
