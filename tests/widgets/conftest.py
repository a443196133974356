"""What the tests of the explorers share."""

from __future__ import annotations

import pytest

from xai_widgets.widgets.cladec import ClaDecExplorer


@pytest.fixture
def explore():
    """An explorer, closed after the test."""
    made = []

    def explore(*args, **options):
        made.append(ClaDecExplorer(*args, **options))
        return made[-1]

    yield explore
    for explorer in made:
        explorer.close()
