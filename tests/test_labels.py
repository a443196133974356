"""Each class of the pictures finds its logit, or is said to have none; nothing is matched silently in a wrong way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_widgets.class_names import checked_names, default_names, names_like, wordnet_ids
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.labels import UNKNOWN, match
from xai_widgets.names import find_class

ANCHORS = {0: "tench, Tinca tinca", 1: "goldfish", 134: "crane", 207: "golden retriever", 309: "bee", 310: "ant",
           517: "crane", 638: "maillot", 639: "maillot", 999: "toilet tissue"}  # fmt: skip
IMAGENET = [ANCHORS.get(number, f"thing {number}") for number in range(1000)]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("ant", "ant"), ("Ants", "ant"), ("ant", "Ants"), ("finches", "finch"), ("wolves", "wolf"), ("mice", "mouse"),
        ("butterflies", "butterfly"), ("policemen", "policeman"), ("children", "child"), ("bus", "buses"),
        ("golden_retriever", "Golden Retriever"), ("golden-retrievers", "golden retriever"), ("HotDog", "hot dog"),
        ("goldenRetriever", "golden_retriever"), ("tinca_tinca", "tench, Tinca tinca"), ("tench", "tench, Tinca tinca"),
        ("café", "café"), ("crane", "crane (bird)"), ("classes", "class"),
    ],
)  # fmt: skip
def test_names_that_mean_the_same(folder, name):
    found = match(["other", folder], ["x", "y", "z", name])
    assert (found.numbers, found.how) == ((UNKNOWN, 3), ("", "by name"))


@pytest.mark.parametrize(
    ("folder", "name"), [("grass", "gras"), ("bu", "buses"), ("cat", "cart"), ("as", "a"), ("", "-")]
)
def test_names_that_do_not(folder, name):
    assert match([folder], ["x", "y", name]).numbers == (UNKNOWN,)


def test_the_very_name_comes_first():
    names = ["Cardigan", "cardigan", "sunglass", "sunglasses"]
    assert match(["cardigan", "sunglasses", "sunglass"], names).numbers == (1, 3, 2)
    found = match(["CARDIGAN"], names)
    assert found.numbers == (UNKNOWN,)
    assert "'CARDIGAN' may be Cardigan, cardigan" in found.warning()


def test_wordnet_ids_are_those_of_imagenet():
    ids = wordnet_ids()
    assert (len(ids), ids["n01440764"], ids["n02219486"], ids["n15075141"]) == (1000, 0, 310, 999)
    for names in (IMAGENET, default_names(1000)):
        assert match(["n02219486", "n01440764-tench", "n99999999"], names).numbers == (310, 0, UNKNOWN)
    others = [f"thing {number}" for number in range(1000)]
    assert match(["n02219486"], others).numbers == (UNKNOWN,)


@pytest.mark.parametrize(
    ("folders", "names", "numbers", "clause"),
    [
        (["cat", "dog"], ["dog", "cat"], (1, 0), "cat, dog by name"),
        (["chat", "chien"], ["cat", "dog"], (0, 1), "chat -> cat, chien -> dog by order"),
        (["cat", "hund"], ["cat", "dog"], (0, 1), "cat by name; hund -> dog by order"),
        (["cat", "hund"], ["dog", "cat"], (1, -1), "cat by name; hund not known"),
        (["ants", "bees"], IMAGENET, (310, 309), "ants -> ant, bees -> bee by name"),
        (["x", "y", "z"], ["a", "b"], (-1, -1, -1), "x, y, z not known"),
        (["0", "1", "10", "2"], default_names(12), (0, 1, 10, 2), None),
        (["0", "1", "10", "2"], [str(k) for k in range(12)], (0, 1, 10, 2), "0, 1, 10, 2 by name"),
        (["00", "07"], list("abcdefgh"), (0, 7), "00 -> a, 07 -> h as numbers"),
        (["1", "2", "3"], ["a", "b", "c"], (0, 1, 2), "1 -> a, 2 -> b, 3 -> c by order"),
        (["1", "2", "8"], ["a", "b", "c", "d"], (-1, -1, -1), "1, 2, 8 not known"),
        ([str(k) for k in range(10)], [f"c{k}" for k in range(10)], tuple(range(10)), "10 as numbers"),
        ([], ["a", "b"], (), ""),
    ],
)
def test_order_and_numbers(folders, names, numbers, clause):
    found = match(folders, names)
    assert found.numbers == numbers
    assert clause is None or found.clause() == clause
    assert bool(found.warning()) == (UNKNOWN in numbers)


@pytest.mark.parametrize("value", ["ant", 310, np.int64(310), torch.tensor(310), np.str_("ant")])
@pytest.mark.parametrize("key", ["emmets", 1, np.int32(1), np.str_("emmets")])
def test_what_people_say_counts(key, value):
    found = match(["bees", "emmets"], IMAGENET, {key: value})
    assert (found.numbers, found.clause()) == ((309, 310), "bees -> bee by name; emmets -> ant by labels=")


def test_people_may_say_otherwise_than_the_names_and_put_classes_together():
    assert match(["cat", "dog"], ["cat", "dog"], {"cat": "dog", "dog": 0}).numbers == (1, 0)
    assert match(["beagle", "pug"], ["cat", "dog", "x"], {"beagle": "dog", "pug": 1}).numbers == (1, 1)
    assert match(["10", "2"], default_names(12), {2: 5, "10": 6}).numbers == (6, 5)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"antz": "ant"}, r"there is no class of the pictures 'antz'; known are 'ants', 'bees'"),
        ({"ants": "aunt"}, r"labels, 'ants': there is no class 'aunt'; closest: .*'ant'"),
        ({"ants": "3"}, "there is no class '3'"),
        ({"ants": 1000}, "target is 1000, and the classes are numbered 0 to 999"),
        ({"ants": -1}, "target is -1"), ({"ants": True}, "target is True"), ({"ants": 1.5}, "target is 1.5"),
        ({"ants": float("nan")}, "target is nan"), ({"ants": None}, "target is None"),
        ({"ants": torch.tensor(True)}, "target is tensor"), ({"ants": np.array([1])}, "target is array"),
        ({7: "ant"}, "no class 7 of the pictures"), ({-1: "ant"}, "is -1"), ({True: "ant"}, "is True"),
        ({1.5: "ant"}, "is 1.5"), ({None: "ant"}, "is None"),
        ({"ants": 0, 0: 1}, "has the class 'ants' of the pictures twice"),
        ({"ants": "bee"}, "'ants' and 'bees' would both be the model's class 'bee'"),
        (["ants"], "labels is .*; give a mapping"), ("ants", "labels is 'ants'; give a mapping"),
    ],
)  # fmt: skip
def test_what_contradicts_is_refused(labels, said):
    with pytest.raises(PictureError, match=said):
        match(["ants", "bees"], IMAGENET, labels)


def test_two_classes_of_one_logit_are_refused():
    with pytest.raises(PictureError, match="'cats' and 'cat' would both be the model's class 'cat'; choose"):
        match(["cats", "cat"], ["cat", "dog", "x"])


# --- names of logits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [["a", "b"], ("a", "b"), np.array(["a", "b"]), (name for name in "ab"), {1: "a", 2: "b"}.values()]
)
def test_names_of_logits(given):
    names = checked_names(given, 2)
    assert names == ("a", "b")
    assert all(type(name) is str for name in names)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ab", "is 'ab'; give a list"), (b"ab", "give a list"), ({0: "a", 1: "b"}, "give a list"), (3, "give a list"),
        ({"a", "b"}, "give a list"),
        ([b"a", "b"], "must be strings, but one is b'a'"), (["a", None], "one is None"), ([1, 2], "one is 1"),
        (["a"], "2 logits, but class_names has 1 names"),
        (["a", ""], "empty name at place 1"), (["a", " "], "empty name"),
        (["a", "a"], r"'a' more than once \(at 0, 1\).*; change one, such as to 'a 2'"),
    ],
)  # fmt: skip
def test_names_that_are_refused(given, said):
    with pytest.raises(PictureError, match=said):
        checked_names(given, 2)


def test_imagenet_s_doubles_are_told_apart():
    names = checked_names(IMAGENET, 1000)
    assert [names[k] for k in (134, 517, 638, 639)] == [
        "crane (bird)", "crane (machine)", "maillot (tights)", "maillot (tank suit)",
    ]  # fmt: skip
    assert len(set(names)) == 1000
    for moved in ({5: "crane"}, {5: "thing 6"}):
        with pytest.raises(PictureError, match="more than once"):
            checked_names([moved.get(number, name) for number, name in enumerate(IMAGENET)], 1000)
    found = match(["cranes"], names)
    assert found.numbers == (UNKNOWN,)
    assert "'cranes' may be crane (bird), crane (machine)" in found.warning()


def test_logits_are_named_as_the_pictures():
    assert names_like(["oak", "elm"], 2) == ("oak", "elm")
    assert names_like(["oak", "elm"], 3) == ("class 0", "class 1", "class 2")
    assert names_like(["0", "1", "10", *"23456789"], 11) == tuple(map(str, range(11)))


@pytest.mark.parametrize("target", [1, np.int64(1), torch.tensor(1), "b", np.str_("b"), np.array(1)])
def test_a_class_by_number_or_name(target):
    assert find_class(["a", "b", "c"], target) == 1
    assert type(find_class(["a", "b", "c"], target)) is int


@pytest.mark.parametrize(
    "target", [True, np.True_, torch.tensor(True), 1.0, float("nan"), "1", None, torch.tensor([1])]
)
def test_no_class(target):
    with pytest.raises(XaiWidgetsError):
        find_class(["a", "b", "c"], target)
