"""Writing a page, of every explorer: each step is told, and who cancels gets no file."""

from __future__ import annotations

import pytest

from xai_widgets.errors import CancelledError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress
from xai_widgets.widgets.inversion.explorer import InversionExplorer


@pytest.fixture
def cladec(explore, fitted):
    return explore(fitted)


@pytest.fixture
def concepts(conceive, srae):
    return conceive(srae)


@pytest.fixture
def summaries(browse, by_hand):
    return browse(by_hand(found=[0, 1]))


@pytest.fixture
def inversion(new_study):
    guided = GuidedFeatureInversion(new_study(), "conv2", settings=GuidedSettings(steps=4), background="mean")
    explorer = InversionExplorer(guided)
    assert explorer.task.wait(60)
    yield explorer
    explorer.close()


@pytest.fixture
def manifold(travel, toy):
    return travel(toy)


@pytest.fixture(params=["cladec", "concepts", "summaries", "inversion", "manifold"])
def explorer(request):
    return request.getfixturevalue(request.param)


def test_every_step_is_told(explorer, tmp_path):
    progress = Progress()
    explorer.to_html(tmp_path / "page.html", progress=progress)
    state = progress.state
    assert state.task == f"Writing {explorer.title}"
    assert 0 < state.done == state.total
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize("after", ["its beginning", "its last step"])
def test_who_cancels_gets_no_file(explorer, tmp_path, after):
    def stop(state):
        if after == "its beginning" or state.done == state.total:
            progress.cancel()

    progress = Progress(stop)
    with pytest.raises(CancelledError):
        explorer.to_html(tmp_path / "page.html", progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_by_default_there_is_a_bar(explorer, tmp_path, capsys):
    explorer.to_html(tmp_path / "page.html")
    assert f"Writing {explorer.title}: 100%" in capsys.readouterr().err
