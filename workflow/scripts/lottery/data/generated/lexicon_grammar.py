"""Nouns and function words of the acceptability task."""

from __future__ import annotations

from typing import NamedTuple

from lottery.data.generated.grammar import with_s


class Noun(NamedTuple):
    """A noun: one child, many children."""

    one: str
    many: str

    def form(self, several: bool) -> str:
        """The plural or the singular."""
        return self.many if several else self.one


def _nouns(regular: str, irregular: str) -> tuple[Noun, ...]:
    """Nouns of both kinds; an irregular one is written singular/plural."""
    return (
        *(Noun(word, with_s(word)) for word in regular.split()),
        *(Noun(*pair.split("/")) for pair in irregular.split()),
    )


# Who acts, and what is acted upon.
PEOPLE: tuple[Noun, ...] = _nouns(
    """
    doctor teacher farmer lawyer driver painter soldier sailor student neighbour singer
    dancer writer pilot engineer baker builder butcher hunter leader lover manager officer
    player prisoner reporter scientist servant stranger tourist visitor worker boy girl
    king queen brother sister actor artist author banker captain clerk cousin editor
    friend gardener guest judge priest prince minister poet
    """,
    "man/men woman/women child/children wife/wives",
)
OBJECTS: tuple[Noun, ...] = _nouns(
    """
    letter car window picture song book ticket stone bottle basket blanket camera candle
    carpet chair coat computer cup door flower garden guitar hammer hat house jacket key
    kitchen ladder lamp machine map mirror newspaper paper pen pencil phone piano pillow
    plate present ring room shirt shoe table tool toy tree wall wheel horse dog cat bird
    rabbit goat engine tower bridge village ship boat box dish story
    """,
    "knife/knives shelf/shelves mouse/mice",
)
QUALITIES: tuple[str, ...] = tuple(
    """
    old young new small large quiet famous strange heavy brown dirty dark empty green wooden red
    blue lovely expensive careful tired happy angry rich tall
    """.split()
)

OWNERS: tuple[str, ...] = tuple("the my our his her their".split())
FOR_ONE: tuple[str, ...] = tuple("this every that one".split())
FOR_SEVERAL: tuple[str, ...] = tuple("these many those two".split())
AFTER_MODAL: tuple[str, ...] = tuple("will can must should might".split())
AFTER_HAVE: tuple[str, ...] = ("has", "had", "has never")
AFTER_BE: tuple[str, ...] = ("is", "was", "was not")
