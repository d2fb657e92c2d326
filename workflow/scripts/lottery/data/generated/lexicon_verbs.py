"""Verbs with their forms: what the acceptability task bends and breaks."""

from __future__ import annotations

from typing import NamedTuple

from lottery.data.generated.grammar import with_ed, with_ing, with_s


class Verb(NamedTuple):
    """One verb, all of whose forms differ but past and perfect."""

    base: str
    third: str
    past: str
    perfect: str
    ing: str


# base, past, perfect and -ing, an entry between slashes
_IRREGULAR = """
write wrote written writing / drive drove driven driving / break broke broken breaking / steal
stole stolen stealing / choose chose chosen choosing / eat ate eaten eating / draw drew drawn
drawing / throw threw thrown throwing / forget forgot forgotten forgetting / hide hid hidden
hiding / bite bit bitten biting / take took taken taking / give gave given giving / see saw seen
seeing / wear wore worn wearing / know knew known knowing / grow grew grown growing / shake
shook shaken shaking / find found found finding / sell sold sold selling / buy bought bought
buying / bring brought brought bringing / catch caught caught catching / teach taught taught
teaching / keep kept kept keeping / leave left left leaving / lose lost lost losing / build
built built building / send sent sent sending / hear heard heard hearing / hold held held
holding / lead led led leading / feed fed fed feeding / win won won winning / make made made
making / shoot shot shot shooting
"""

# base alone: the other forms follow from it
_REGULAR = """
paint clean watch follow help visit open answer call carry count cook discover enjoy finish join
kick learn lift mention miss need order pack pull push reach repair search touch wash want
admire attack borrow collect destroy examine explain gather guard ignore inspect invite love
measure notice protect prepare remove rescue sketch study support describe remember save avoid
publish design defend deliver
"""


def _irregular(base: str, past: str, perfect: str, ing: str) -> Verb:
    return Verb(base, with_s(base), past, perfect, ing)


def _regular(base: str) -> Verb:
    return Verb(base, with_s(base), with_ed(base), with_ed(base), with_ing(base))


VERBS: tuple[Verb, ...] = (
    *(_irregular(*entry.split()) for entry in _IRREGULAR.split("/")),
    *(_regular(base) for base in _REGULAR.split()),
)
