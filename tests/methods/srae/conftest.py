"""What the tests of SRAE share."""

from __future__ import annotations

import pytest

from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress


@pytest.fixture(scope="session")
def fit_srae(fit_quietly):
    """An SRAE fitted for a moment: so short a fit cannot be believed, and says so."""

    def fit_srae(study, *args, make=SRAE, progress=None, checkpoint=None, **options):
        explainer = make(study, *args, **({"epochs": 2, "features": 4} | options))
        return fit_quietly(explainer, progress=progress or Progress(), checkpoint=checkpoint)

    return fit_srae


@pytest.fixture(scope="session")
def srae(fit_srae, new_study):
    """Fitted at a map; not to be changed."""
    return fit_srae(new_study(), "conv2")
