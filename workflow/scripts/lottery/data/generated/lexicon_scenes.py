"""Words by meaning for the similarity task: groups of synonyms, gathered in fields.

Two words of one group mean the same, two groups of one field are near, two fields are far apart.
In the text below a line is a field, `/` parts its groups, and a comma parts the words of a group.
"""

from __future__ import annotations

Fields = tuple[tuple[tuple[str, ...], ...], ...]


def _fields(text: str) -> Fields:
    """Parse lines of groups."""
    return tuple(
        tuple(tuple(w.strip() for w in group.split(",")) for group in line.split("/"))
        for line in text.strip().splitlines()
    )


AGENTS: Fields = _fields(
    """
    doctor, physician / nurse / dentist / surgeon
    kid, child / baby, infant / teenager, adolescent
    cop, policeman / detective, investigator / sheriff
    thief, robber / murderer, killer / smuggler
    lawyer, attorney / judge / prosecutor
    soldier / general / sailor, seaman
    singer, vocalist / drummer / composer / pianist
    author, writer / poet / journalist, reporter
    teacher, instructor / student, pupil / professor
    farmer / shepherd / gardener
    king, monarch / prince / emperor / queen
    priest, clergyman / monk / bishop
    cook, chef / waiter / baker
    boss, employer / secretary / manager
    dog, hound / cat, kitten / rabbit, bunny
    horse, pony / cow / donkey, mule
    pilot, aviator / astronaut / mechanic
    actor, performer / director, filmmaker / actress
    carpenter / plumber / builder
    chemist / biologist / physicist
    mother, mom / father, dad / grandmother, grandma
    merchant, trader / banker / shopkeeper
    """
)

ACTIONS: Fields = _fields(
    """
    bought, purchased / sold / rented, leased
    repaired, fixed / broke, smashed / destroyed, demolished
    found, discovered / lost, misplaced / searched
    washed, cleaned / painted / polished
    drew, sketched / photographed / filmed
    stole, robbed / hid, concealed / smuggled
    ate, devoured / cooked, prepared / tasted
    built, constructed / designed / measured
    threw, tossed / caught, grabbed / kicked
    loved, adored / hated, despised / feared
    opened, unlocked / closed, shut / locked
    saw, noticed / watched, observed / ignored
    mailed, sent / received, got / returned
    described, mentioned / explained / praised
    carried, hauled / lifted, raised / dropped
    burned, torched / buried / flooded
    """
)

OBJECTS: Fields = _fields(
    """
    car, automobile / truck, lorry / bus
    house, home / apartment, flat / cottage, cabin
    sofa, couch / chair / bed
    ship, boat / canoe / ferry
    coat, jacket / shirt / trousers, pants
    picture, image / painting / statue, sculpture
    book, novel / newspaper / letter
    rock, stone / sand / clay
    hammer / shovel, spade / rake
    bread / cake, pastry / soup
    apple / banana / orange
    violin, fiddle / guitar / drum
    gun, pistol / sword / knife, dagger
    computer, laptop / phone, telephone / television, tv
    ring / necklace / bracelet
    cup, mug / plate, dish / bottle, flask
    forest, woods / river, stream / mountain
    street, road / bridge / highway
    church / temple / mosque
    airplane, plane / helicopter / rocket
    wallet, purse / suitcase, luggage / backpack
    rose / tulip / daisy
    snake, serpent / lizard / frog
    ticket / passport / visa
    """
)
