"""Where values without sense may go: settings, constructors, and arguments of whatever is fitted.

Each place has a call, which gets a `World` and a value, and the kind of the values that make no sense there.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial

import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.digits import Digits
from xai_widgets.data.folder import folder
from xai_widgets.methods.cae import settings as cae_settings
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec import layer as cladec_settings
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.methods.inversion.variations import restarts, sweep
from xai_widgets.methods.srae import settings as srae_settings
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.compare import compare
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.paper_masks import Stage, TwoStageSettings
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.runs.keeping import keep_in, open_run
from xai_widgets.study import Study

RECIPE = Recipe(epochs=1)
CLADEC = cladec_settings.Settings(None, RECIPE, RECIPE, 2, 8)
SRAE_SETTINGS = srae_settings.default_settings("conv2", "spatial", "logit", 2, 8, 1, 0)
CAE_SETTINGS = cae_settings.Settings(2, 2, 2, 8, RECIPE)


def kinds_of(text):
    """What "name kind, name kind" says."""
    return dict(pair.split() for pair in text.split(", "))


def of_settings(made, text):
    """Where each field of a settings object goes."""
    called = type(made).__name__
    return {
        f"{called}.{name}": (lambda w, v, n=name: replace(made, **{n: v}), kind)
        for name, kind in kinds_of(text).items()
    }


def of_call(name, call, text):
    """Where each argument of a call goes; `call` gets the world, and gives what is called with the argument."""
    return {f"{name}({one}=)": (lambda w, v, n=one: call(w)(**{n: v}), kind) for one, kind in kinds_of(text).items()}


def of_value(name, call, kind):
    """Where one value goes."""
    return {name: (call, kind)}


RECIPES = (
    "epochs steps, batch_size batch, lr positive, weight_decay weight, patience count, "
    "min_gain share, seed seed, optimizer layer, schedule layer, milestones several-whole, "
    "step_decay positive, betas object, clip positive, amp switch"
)
GUIDED = (
    "steps steps, lr positive, area weight, removed weight, inversion_area weight, "
    "first_sharpness positive, sharpness positive, level inside, noise weight, seed seed"
)
PUBLISHED = (
    "inversion_steps steps, steps steps, lr positive, halve_every count, start positive, "
    "inversion_shrink weight, shrink weight, removed weight"
)
DUAL = (
    "steps steps, cooling count, remove weight, keep weight, removed share, kept share, cells count, "
    "lr positive, betas object, variation weight, indecision weight, coldest positive, "
    "furthest positive, first_weight positive, faster positive, slower positive, "
    "least_weight positive, most_weight positive, jitter count, settled count, seed seed"
)
STAGE = "steps steps, area weight, variation weight, indecision weight"
STAGES = "smooth object, crisp object, cell count, smoothing positive, lr positive"
WEIGHTS = "positives weight, reconstruction weight, q positive, pull weight, along layer, dominance weight"
OF_CLADEC = (
    "reference layer, recipe object, reference_recipe object, width width, pictures count, paper switch, alpha share"
)
OF_SRAE = (
    "view layer, score layer, features pair, against whole, hidden object, pictures pair, "
    "weights object, recipe object, rounds whole, paper switch"
)
OF_CAE = "dimensions pair, channels count, width width, pictures pair, recipe object, paper switch"
SETTINGS = {
    **of_settings(RECIPE, RECIPES),
    **of_settings(GuidedSettings(), GUIDED),
    **of_settings(PublishedSettings(), PUBLISHED),
    **of_settings(DualSettings(), DUAL),
    **of_settings(Stage(1, 1, 1, 1), STAGE),
    **of_settings(TwoStageSettings(), STAGES),
    **of_settings(srae_settings.Weights(), WEIGHTS),
    **{f"ClaDec {name}": entry for name, entry in of_settings(CLADEC, OF_CLADEC).items()},
    **{f"SRAE {name}": entry for name, entry in of_settings(SRAE_SETTINGS, OF_SRAE).items()},
    **{f"CAE {name}": entry for name, entry in of_settings(CAE_SETTINGS, OF_CAE).items()},
}
CONSTRUCTORS = {
    **of_call(
        "Study",
        lambda w: partial(Study, w.study.model, w.pictures),
        "mean object, std object, batch_size batch, seed seed, scores scores, class_names object, labels labels",
    ),
    **of_value("Study(images)", lambda w, v: Study(w.study.model, v), "no-pictures"),
    **of_value("Study(test=)", lambda w, v: Study(w.study.model, w.pictures, test=v).pool, "no-pictures"),
    **of_value("Study(mean=[one])", lambda w, v: Study(w.study.model, w.pictures, mean=[v]), "mean"),
    **of_value("Study(std=[one])", lambda w, v: Study(w.study.model, w.pictures, std=[v]), "std"),
    **of_value("Study(std=[three])", lambda w, v: Study(w.study.model, w.pictures, std=[1, v, 1]), "std"),
    **of_call(
        "BirdPictures",
        lambda w: lambda **o: BirdPictures(**{"count": 2} | o),
        "count birds, species species, seed seed, first seed, noise grey, drop share, cheat share, size size",
    ),
    **of_call("Digits", lambda w: Digits, "size side"),
    **of_call("folder", lambda w: partial(folder, w.photos), "size sides, fit layer, split object"),
    **of_value("folder", lambda w, v: folder(v), "no-path"),
    **of_value("Study(images=)", lambda w, v: Study(w.study.model, v), "object"),
    **of_value("Study(test=)", lambda w, v: Study(w.study.model, w.pictures, test=v), "object"),
    **of_call(
        "ClaDec",
        lambda w: partial(ClaDec, w.study),
        "layer layers, reference layer, epochs steps, width width, pictures count, seed seed, settings object",
    ),
    **of_call("ClaDec.paper", lambda w: partial(ClaDec.paper, w.study, "conv2"), "alpha share, seed seed"),
    **of_call(
        "SRAE",
        lambda w: partial(SRAE, w.study),
        "layer layer, view layer, score layer, targets classes, features pair, pictures pair, epochs steps, seed seed, "
        "settings object",
    ),
    **of_call(
        "SRAE.paper",
        lambda w: partial(SRAE.paper, w.study, "conv2"),
        "along layer, features pair, pictures pair, epochs steps, seed seed",
    ),
    **of_call(
        "CAE",
        lambda w: partial(CAE, w.study),
        "dimensions pair, channels count, width width, pictures pair, epochs steps, seed seed, settings object",
    ),
    **of_call(
        "CAE.paper",
        lambda w: lambda **o: CAE.paper(w.study, **{"epochs": 1} | o),
        "epochs steps, width width, pictures pair, seed seed",
    ),
    **of_call(
        "VisualSummaries",
        lambda w: partial(VisualSummaries, w.study),
        "layer layer, similarity layer, masks object, most five, seed seed",
    ),
    **of_call(
        "CrispMasks",
        lambda w: partial(CrispMasks, w.study),
        "count masks, smallest below-one, baselines object, settings object",
    ),
    **of_call(
        "GuidedFeatureInversion",
        lambda w: partial(GuidedFeatureInversion, w.study),
        "base_layer layers, deep_layer layer, background layer, settings object, seed seed",
    ),
}
ARGUMENTS = {
    **of_value("ClaDec.save(dtype=)", lambda w, v: w.cladec.save("never", dtype=v), "object"),
    **of_value("ClaDec.save", lambda w, v: w.cladec.save(v), "no-path"),
    **of_value("ClaDec.load", lambda w, v: ClaDec.load(v, w.study), "no-path"),
    **of_value("ClaDec.fit(checkpoint=)", lambda w, v: w.cladec.fit(progress=Progress(), checkpoint=v), "no-path"),
    **of_value("keep_in", lambda w, v: keep_in(w.study, v), "no-path"),
    **of_value("open", lambda w, v: open_run(v, model=w.study.model), "no-path"),
    **of_value("Study.layer", lambda w, v: w.study.layer(v), "layer"),
    **of_value("Study.activations", lambda w, v: w.study.activations(w.picture, v), "layer"),
    **of_value("Study.draw(count)", lambda w, v: w.study.draw(w.pictures, v), "whole"),
    **of_value("Study.draw(seed)", lambda w, v: w.study.draw(w.pictures, 3, v), "seed"),
    **of_value("Study.load", lambda w, v: w.study.load(w.pictures, [0, v]), "index"),
    **of_call("ClaDec.explain", lambda w: partial(w.cladec.explain, w.picture), "layer layer, alpha share"),
    **of_value("ClaDec.explain(units=)", lambda w, v: w.cladec.explain(w.picture, units=[v]), "whole"),
    **of_call(
        "ClaDec.neighbours", lambda w: partial(w.cladec.neighbours, w.picture), "layer layer, count count, among count"
    ),
    **of_call("ClaDec.rank_units", lambda w: partial(w.cladec.rank_units, w.picture), "layer layer"),
    **of_call(
        "SRAE.explain", lambda w: partial(w.srae.explain, w.picture), "target target, heatmap_method layer, basis layer"
    ),
    **of_call("SRAE.contributions", lambda w: partial(w.srae.contributions, w.picture), "target target"),
    **of_call(
        "SRAE.exemplars",
        lambda w: lambda **o: w.srae.exemplars(**{"target": w.target, "feature": 0} | o),
        "target target, feature feature, kind layer, count count, own switch",
    ),
    **of_call(
        "SRAE.rename",
        lambda w: lambda **o: w.srae.rename(**{"target": w.target, "feature": 0, "name": "x"} | o),
        "target target, feature feature, name no-text",
    ),
    **of_call(
        "SRAE.intervene",
        lambda w: lambda **o: w.srae.intervene(**{"pictures": w.picture, "target": w.target} | o),
        "factors factors",
    ),
    **of_call("SRAE.report", lambda w: w.srae.report, "target target"),
    **of_call(
        "CAE.explain",
        lambda w: partial(w.cae.explain, w.picture),
        "target target, confidence inside, route layer, frames frames",
    ),
    **of_value(
        "CAE.atlas(side=)",
        lambda w, v: w.cae.atlas(w.cae.encode(w.picture), w.cae.plane(), (0, 1, 0, 1), side=v),
        "frames",
    ),
    **of_value(
        "CAE.atlas(box=)",
        lambda w, v: w.cae.atlas(w.cae.encode(w.picture), w.cae.plane(), (0, v, 0, 1), side=2),
        "no-number",
    ),
    **of_call(
        "GuidedFeatureInversion.explain",
        lambda w: partial(w.inversion.explain, w.picture),
        "target target, against target",
    ),
    **of_value("GuidedFeatureInversion.find", lambda w, v: w.inversion.find([v]), "index"),
    **of_call(
        "GuidedFeatureInversion.invert_plainly", lambda w: partial(w.inversion.invert_plainly, w.picture), "steps steps"
    ),
    **of_value("sweep", lambda w, v: sweep(w.inversion, w.picture, weights=[v]), "weight"),
    **of_call("restarts", lambda w: partial(restarts, w.inversion, w.picture), "count pair, noise positive"),
    **of_call("CrispMasks.find", lambda w: partial(w.masks.find, w.picture), "target target"),
    **of_call(
        "VisualSummaries.find",
        lambda w: lambda **o: w.summaries.find(**{"target": 0} | o),
        "target target, errors switch, most five, keep switch",
    ),
    **of_value("VisualSummaries.find(indices=)", lambda w, v: w.summaries.find(0, indices=[0, 1, 2, 3, v]), "index"),
    **of_call("compare", lambda w: partial(compare, None, None), "least share"),
}

PICTURES = {
    **of_value("Study.predict", lambda w, v: w.study.predict(v), "pictures"),
    **of_value("Study.activations", lambda w, v: w.study.activations(v, "conv2"), "pictures"),
    **of_value("Pool.of", lambda w, v: Pool.of(w.study, v), "pictures"),
    **of_value("ClaDec.explain", lambda w, v: w.cladec.explain(v), "pictures-of-one-size"),
    **of_value("ClaDec.neighbours", lambda w, v: w.cladec.neighbours(v), "pictures-of-one-size"),
    **of_value("ClaDec.rank_units", lambda w, v: w.cladec.rank_units(v), "pictures-of-one-size"),
    **of_value("SRAE.explain", lambda w, v: w.srae.explain(v), "pictures-of-one-size"),
    **of_value("SRAE.contributions", lambda w, v: w.srae.contributions(v, w.target), "pictures-of-one-size"),
    **of_value("SRAE.intervene", lambda w, v: w.srae.intervene(v, w.target, torch.ones(2)), "pictures-of-one-size"),
    **of_value("CAE.explain", lambda w, v: w.cae.explain(v), "pictures-of-one-size"),
    **of_value("CAE.encode", lambda w, v: w.cae.encode(v), "pictures-of-one-size"),
    **of_value("GuidedFeatureInversion.explain", lambda w, v: w.inversion.explain(v), "pictures"),
    **of_value("GuidedFeatureInversion.invert", lambda w, v: w.inversion.invert(v), "pictures"),
    **of_value("GuidedFeatureInversion.invert_plainly", lambda w, v: w.inversion.invert_plainly(v), "pictures"),
    **of_value("CrispMasks.find", lambda w, v: w.masks.find(v), "pictures"),
    **of_value("VisualSummaries.explain", lambda w, v: w.summaries.explain(v), "pictures"),
}
TABLE = {"settings": SETTINGS, "constructors": CONSTRUCTORS, "arguments": ARGUMENTS, "pictures": PICTURES}


class World:
    """A study with something fitted by each method, and a folder of photos."""

    def __init__(self, model, pictures, photos):
        self.photos = photos
        with torch.no_grad():
            model.logits.bias -= model.eval()(pictures.pictures).mean(0)
            pictures.labels = model(pictures.pictures).argmax(1)
        self.pictures, self.picture = (pictures, pictures[0][0])
        self.study = Study(model, pictures, class_names=["a", "b", "c", "d"])
        self.target = self.study.class_names[int(pictures.labels[0])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self.cladec = ClaDec(self.study, "conv2", settings=CLADEC).fit(progress=Progress())
            self.srae = SRAE(self.study, settings=SRAE_SETTINGS).fit(progress=Progress())
            self.cae = CAE(self.study, settings=CAE_SETTINGS).fit(progress=Progress())
        self.inversion = GuidedFeatureInversion(
            self.study, "conv2", settings=GuidedSettings(steps=1), background="mean"
        )
        self.masks = CrispMasks(self.study, settings=DualSettings(steps=1, cooling=1), baselines=("mean",))
        self.summaries = VisualSummaries(self.study, "conv2", masks=self.masks, most=5)
