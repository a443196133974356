"""``python -m xai_widgets``, for launchers that start modules, such as ``accelerate launch -m xai_widgets``."""

from __future__ import annotations

import sys

from xai_widgets.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
