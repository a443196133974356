"""The line that says whether to trust what is shown: a sign, a word, one sentence, and all numbers behind "Why?"."""

from __future__ import annotations

from typing import Literal, NamedTuple

from markupsafe import Markup

Level = Literal["trust", "careful", "distrust"]

WORDS: dict[Level, tuple[str, str]] = {
    "trust": ("✓", "Trust"),
    "careful": ("!", "Careful"),
    "distrust": ("✕", "Do not trust"),
}
"""A sign and a word for each level; the sign says the same without colour."""


class Verdict(NamedTuple):
    """Whether to trust what is shown."""

    level: Level
    #: Why, in one plain sentence.
    sentence: str


def judge(problems: tuple[str, ...] | list[str], doubt: str, trust: str) -> Verdict:
    """Do not trust what has a problem, be careful with what is in doubt, and trust the rest, in these words."""
    if problems:
        return Verdict("distrust", problems[0])
    return Verdict("careful", doubt) if doubt else Verdict("trust", trust)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The first of the verdicts that trust least."""
    return max(verdicts, key=lambda verdict: list(WORDS).index(verdict.level))


def verdict_line(verdict: Verdict | None, numbers: str, *, unfolded: bool = False) -> Markup:
    """The line as HTML, its texts escaped; nothing where there is neither a verdict nor a number."""
    if verdict is None:
        return Markup('<div class="xw xw-verdict" role="status"><div class="xw-numbers">{}</div></div>').format(numbers)
    sign, word = WORDS[verdict.level]
    said = _JUDGED.format(sign, word, verdict.sentence)
    return _LINE.format(verdict.level, said, _WHY.format(_OPEN[unfolded], numbers) if numbers else "")


def verdict_data(verdict: Verdict | None, numbers: str) -> dict[str, str]:
    """The same for ``verdictLine.js``."""
    if verdict is None:
        return {"level": "", "numbers": numbers}
    sign, word = WORDS[verdict.level]
    return {"level": verdict.level, "sign": sign, "word": word, "sentence": verdict.sentence, "numbers": numbers}


def named_verdict(name: str, verdict: Verdict | None, otherwise: str) -> Markup:
    """The same of one of two, with its name in front and without numbers; what is said while there is no verdict."""
    if verdict is None:
        return _NAMED.format("", name, Markup("<span>{}</span>").format(otherwise))
    sign, word = WORDS[verdict.level]
    return _NAMED.format(verdict.level, name, _JUDGED.format(sign, word, verdict.sentence))


def reasons(named: list[tuple[str, str]], *, unfolded: bool = False) -> Markup:
    """All numbers of two behind one "Why?", each with its name; nothing where there are none."""
    lines = Markup().join(_REASON.format(*each) for each in named)
    return _REASONS.format(_OPEN[unfolded], lines) if named else Markup()


_LINE = Markup('<div class="xw xw-verdict" role="status" data-level="{}">{}{}</div>')
_JUDGED = Markup(
    '<span class="xw-verdict-word"><span aria-hidden="true">{}</span> {}</span> '
    '<span class="xw-verdict-sentence">{}</span>'
)
_NAMED = Markup('<div class="xw xw-verdict" role="status" data-level="{}"><span class="xw-who">{}</span> {}</div>')
_OPEN = (Markup(), Markup(" open"))
_REASON = Markup('<p class="xw-numbers"><b>{}:</b> {}</p>')
_REASONS = Markup('<div class="xw"><details class="xw-why"{}><summary>Why?</summary>{}</details></div>')
_WHY = Markup('<details class="xw-why"{}><summary>Why?</summary><div class="xw-numbers">{}</div></details>')
