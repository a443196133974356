"""Plain English: phrases that read as if translated, and what to say instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("xai_widgets", "docs", "notebooks", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
KINDS = {".py", ".md", ".ipynb", ".js", ".html", ".css", ".txt"}
MADE = {"_build", "jupyter_execute", "lessons", "outputs", "__pycache__"}

INSTEAD = {
    r"\basked (about|for) (it|that|this) class": "explained class",
    r"\basked about\b": "true class, predicted class, or explained class",
    r"what it says\b": "predicted class",
    r"\btaken for (it|one)\b": "mistaken for this class",
    r"\bstands? (whether|below|under(neath)?|above|beside|next to|before)\b": "is, says, comes with",
    r"\bagain and again\b": "rely on, recurring",
    r"\badds? up\b": "sum to, make up",
    r"\binto which few\b": "which few concepts make up",
    r"\bcalled (so|something else|the chosen class)\b": "predicted as",
    r"\bkeep what it likes\b": "choose what it keeps",
    r"\b(has|have|had|lets?) (let )?go of\b": "lost",
    r"\bagrees? with itself\b": "keeps the predicted class",
    r"\bunlike the pictures here\b": "measured at the default settings, not at yours",
    r"\bas far as the (two )?probabilit": "kept alone, the class should survive; removed, it should vanish",
    r"\bsay so of\b": "name the subject, and what it does",
    r"\bspeaks? (most )?(for|against)\b": "supports, opposes, is evidence for",
    r"\bsome place always\b": "the classifier sees no such class here",
    r"\bbeside: nothing\b": "Compare with: none",
    r"\bwrongly called\b": "false positives",
    r"\balso those not kept\b": "show rejected groups",
    r"\bper 100\b": "of the pictures",
    r"\bturn it\b": "change its strength",
    r"\bof the way\b": "the probability rises all the way",
    r"\bleaves? (it|them) cold\b": "makes no difference",
    r"\bthere is no need to\b": "you needn't",
    r"\bnothing (else )?(has|was) (learn\w+|fitted|seen)\b": "held-out",
    r"\bsays? of (it|them|this)\b": "predicts for, shows about",
    r"\bhas it that\b": "says that",
    r"\b(goes|go|went|going) by (it|them|the|a|its|one|colou?rs?|shapes?)\b": "uses, relies on",
    r"\bis led to\b": "is dragged to, becomes",
    r"\bones? of one's own\b|\bof one's own\b": "your own",
    r"\bwhatever happens\b": "even after an error",
    r"\bwithout a word\b": "without a message",
    r"\bnot to be believed\b(?!:)": "cannot be trusted",
    r"\bis told apart\b|\bto be told apart\b": "can be distinguished",
}
"""Patterns of phrases, with plain words in their place."""


def texts() -> list[Path]:
    found = []
    for name in FOLDERS:
        place = REPOSITORY / name
        files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.suffix in KINDS)
        found += [path for path in files if not MADE & set(path.relative_to(REPOSITORY).parts)]
    return found


@pytest.mark.parametrize("pattern", INSTEAD)
def test_plain_words(pattern: str) -> None:
    phrase = re.compile(pattern.replace(" ", r"\s+"), flags=re.IGNORECASE)
    found = {
        f"{path.relative_to(REPOSITORY)}: {match[0]!r}"
        for path in texts()
        for match in phrase.finditer(path.read_text(encoding="utf-8"))
    }
    assert not found, f"say instead: {INSTEAD[pattern]}"
