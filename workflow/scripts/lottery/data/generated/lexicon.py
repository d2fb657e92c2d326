"""The words of the generated tasks, how splits share them, and how English spells their forms.

No word occurs twice within what one task draws its deciding words from: it could turn up in both
splits, or on both sides of a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

Entry = TypeVar("Entry")

TRAIN_SHARE = 0.6
VOWELS = "aeiou"
# Written with a vowel, spoken with a consonant ("a useless plan").
SPOKEN_WITH_CONSONANT = ("use", "uni", "eu")


def words_of(split: str, entries: Sequence[Entry], rng: Random) -> tuple[Entry, ...]:
    """Picks what one split may use; the other has the rest, given `rng` in the same state."""
    shuffled = list(entries)
    rng.shuffle(shuffled)
    cut = round(TRAIN_SHARE * len(shuffled))
    return tuple(shuffled[:cut] if split == "train" else shuffled[cut:])


def with_article(phrase: str) -> str:
    """Puts "a" or "an" before a phrase, as its first word sounds."""
    vowel = phrase[0] in VOWELS and not phrase.startswith(SPOKEN_WITH_CONSONANT)
    return f"{'an' if vowel else 'a'} {phrase}"


def with_s(word: str) -> str:
    """The plural of a regular noun, or the third person of a verb."""
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2] not in VOWELS:
        return f"{word[:-1]}ies"
    return f"{word}s"


def with_ed(base: str) -> str:
    """The past of a regular verb that doubles no consonant."""
    if base.endswith("e"):
        return f"{base}d"
    if base.endswith("y") and base[-2] not in VOWELS:
        return f"{base[:-1]}ied"
    return f"{base}ed"


def with_ing(base: str) -> str:
    """The -ing form of a verb that doubles no consonant."""
    return f"{base[:-1]}ing" if base.endswith("e") else f"{base}ing"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Sentiment: words of praise and of blame, with the same parts of speech, so that only the meaning
# of a word decides the label, and the things people have opinions about.
PRAISE = {
    "adjective": _words("""
        wonderful excellent brilliant delightful superb charming lovely fantastic great amazing
        beautiful perfect magnificent splendid terrific fabulous remarkable impressive enjoyable
        pleasant elegant graceful inspiring fascinating engaging refreshing stunning gorgeous
        exquisite outstanding exceptional clever witty funny hilarious joyful cheerful friendly
        generous sincere lively vibrant exciting thrilling gripping satisfying rewarding memorable
        flawless polished comfortable cozy helpful thoughtful tender imaginative
        inventive creative breathtaking dazzling glorious sublime heavenly superior valuable
        worthy welcome reliable sweet entertaining amusing enchanting sensational phenomenal
        good nice adorable attractive fresh tasty delicious
        """),
    "verb": _words("""
        loved enjoyed adored admired praised recommended treasured celebrated appreciated
        cherished applauded welcomed
        """),
    "noun": _words("""
        joy delight triumph success pleasure masterpiece treasure treat gem blessing miracle
        victory
        """),
}

BLAME = {
    "adjective": _words("""
        terrible awful horrible dreadful boring dull tedious bad poor disappointing mediocre
        annoying irritating ugly nasty disgusting unpleasant miserable pathetic ridiculous stupid
        pointless worthless useless lifeless bland stale rotten dirty filthy noisy rude cruel
        careless clumsy sloppy messy confusing predictable tiresome dreary bleak gloomy depressing
        painful frustrating offensive insulting shallow hollow weak lame cheap fake dishonest
        greedy arrogant lazy hopeless broken faulty defective hostile bitter sour foul vile hideous
        appalling inferior flawed laughable embarrassing shameful wretched grim unbearable
        wasteful outrageous tasteless unfair sad evil
        """),
    "verb": _words("""
        hated regretted despised disliked condemned criticized rejected resented mocked loathed
        ridiculed dreaded
        """),
    "noun": _words("""
        disaster failure mess waste nightmare disgrace insult mistake shame catastrophe scandal
        torture
        """),
}

# What is judged, scene by scene; the two halves of a sentence stay in one scene.
ASPECTS = (
    _words("film plot acting ending script dialogue soundtrack director cast"),
    _words("meal soup dessert waiter menu kitchen breakfast wine chef"),
    _words("hotel room staff view pool flight guide beach service"),
    _words("concert song singer band melody album chorus choir orchestra"),
    _words("book story novel style chapter author poem prose hero"),
    _words("course lesson teacher lecture campus library coach seminar tutor"),
    _words("camera phone screen battery design sound jacket packaging seller"),
)

JUDGES = _words("""
    critics readers visitors guests students customers neighbours tourists reviewers parents
    children colleagues
    """)

# Words that say something, but nothing good or bad.
NEUTRAL = _words("new second local recent whole usual other first latest actual evening weekly")
DEGREES = _words("very really quite rather truly simply utterly so")
NOT = ("not", "never", "hardly", "anything but", "far from", "no longer")


# Acceptability: nouns and verbs with their forms, and function words.


class Noun(NamedTuple):
    """A noun: one child, many children."""

    one: str
    many: str

    def form(self, several: bool) -> str:
        """The plural or the singular."""
        return self.many if several else self.one


def _nouns(regular: str, irregular: str) -> tuple[Noun, ...]:
    return (
        *(Noun(word, with_s(word)) for word in regular.split()),
        *(Noun(*pair.split("/")) for pair in irregular.split()),
    )


# Who acts, and what is acted upon; irregular nouns are written singular/plural.
PEOPLE = _nouns(
    """
    doctor teacher farmer lawyer driver painter soldier sailor student neighbour singer
    dancer writer pilot engineer baker builder butcher hunter leader lover manager officer
    player prisoner reporter scientist servant stranger tourist visitor worker boy girl
    king queen brother sister actor artist author banker captain clerk cousin editor
    friend gardener guest judge priest prince minister poet
    """,
    "man/men woman/women child/children wife/wives",
)
OBJECTS = _nouns(
    """
    letter car window picture song book ticket stone bottle basket blanket camera candle
    carpet chair coat computer cup door flower garden guitar hammer hat house jacket key
    kitchen ladder lamp machine map mirror newspaper paper pen pencil phone piano pillow
    plate present ring room shirt shoe table tool toy tree wall wheel horse dog cat bird
    rabbit goat engine tower bridge village ship boat box dish story
    """,
    "knife/knives shelf/shelves mouse/mice",
)
QUALITIES = _words("""
    old young new small large quiet famous strange heavy brown dirty dark empty green wooden red
    blue lovely expensive careful tired happy angry rich tall
    """)

OWNERS = _words("the my our his her their")
FOR_ONE = _words("this every that one")
FOR_SEVERAL = _words("these many those two")
AFTER_MODAL = _words("will can must should might")
AFTER_HAVE = ("has", "had", "has never")
AFTER_BE = ("is", "was", "was not")


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

VERBS = (
    *(
        Verb(base, with_s(base), past, perfect, ing)
        for base, past, perfect, ing in map(str.split, _IRREGULAR.split("/"))
    ),
    *(
        Verb(base, with_s(base), with_ed(base), with_ed(base), with_ing(base))
        for base in _REGULAR.split()
    ),
)

# Entailment: nouns in families. FAMILIES maps a more general word to more specific ones. All can be
# counted, and every member belongs to one family only, so that two families never overlap.
FAMILIES = {
    "bird": _words("robin sparrow eagle owl crow pigeon swan parrot hawk"),
    "fish": _words("salmon trout shark tuna herring cod eel carp"),
    "insect": _words("beetle wasp ant moth butterfly mosquito bee"),
    "reptile": _words("lizard snake turtle crocodile python alligator"),
    "flower": _words("rose tulip daisy lily orchid violet daffodil"),
    "tree": _words("oak pine maple birch willow cedar elm"),
    "fruit": _words("apple pear banana cherry peach lemon mango plum"),
    "vegetable": _words("carrot onion potato cabbage tomato bean turnip"),
    "tool": _words("hammer wrench chisel drill shovel rake screwdriver"),
    "weapon": _words("sword rifle dagger pistol spear cannon bow"),
    "vehicle": _words("car truck bus van tractor taxi motorcycle ambulance"),
    "shoe": _words("boot sandal slipper sneaker loafer"),
    "hat": _words("cap helmet bonnet beret turban"),
    "jewel": _words("diamond ruby emerald pearl sapphire"),
    "instrument": _words("violin piano guitar flute trumpet drum cello harp"),
    "seat": _words("sofa chair bench stool armchair throne"),
    "container": _words("bucket basket jar barrel crate bottle jug"),
    "building": _words("church hospital museum cottage factory castle"),
    "athlete": _words("swimmer boxer runner gymnast wrestler skier goalkeeper"),
    "musician": _words("violinist drummer pianist guitarist cellist organist"),
    "scientist": _words("chemist biologist physicist geologist astronomer botanist"),
    "soldier": _words("sergeant corporal sniper infantryman gunner paratrooper"),
    "criminal": _words("thief murderer burglar robber smuggler kidnapper"),
    "publication": _words("newspaper magazine dictionary novel encyclopedia"),
    "beverage": _words("coffee tea beer wine lemonade whiskey cocoa"),
    "dessert": _words("pudding pie pancake doughnut cake pastry"),
    "toy": _words("doll puzzle kite balloon marble puppet"),
    "appliance": _words("oven refrigerator toaster dishwasher freezer kettle"),
    "road": _words("highway avenue alley boulevard lane motorway"),
    "dog": _words("poodle terrier bulldog greyhound spaniel"),
    "rodent": _words("mouse rat squirrel hamster beaver"),
    "monster": _words("dragon vampire werewolf ogre zombie goblin"),
    "meal": _words("breakfast lunch dinner supper brunch"),
    "coin": _words("penny dime nickel shilling cent"),
    "shape": _words("circle triangle square rectangle hexagon"),
    "storm": _words("hurricane blizzard tornado typhoon cyclone"),
    "dance": _words("waltz tango polka samba foxtrot"),
    "room": _words("kitchen bedroom bathroom attic cellar"),
    "nut": _words("almond walnut peanut hazelnut cashew"),
}

# The scene around the noun, the same in premise and hypothesis.
WATCHERS = _words("we they she he i tom anna people")
SEEN = _words("saw noticed photographed described drew mentioned remembered painted wanted")
WHERE = _words("today outside nearby yesterday again there once upstairs here recently")

# Similarity: groups of synonyms, gathered in fields. Two words of one group mean the same, two
# groups of one field are near, two fields are far apart. A line is a field, `/` separates its
# groups, and a comma the words of a group.
Fields = tuple[tuple[tuple[str, ...], ...], ...]


def _fields(text: str) -> Fields:
    return tuple(
        tuple(tuple(w.strip() for w in group.split(",")) for group in line.split("/"))
        for line in text.strip().splitlines()
    )


AGENTS = _fields("""
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
    """)

ACTIONS = _fields("""
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
    """)

THINGS = _fields("""
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
    """)

# Heuristics: what one person does to another. Past and participle are the same word, so that a
# passive has no word that the active lacks but "was" and "by".
DEEDS = tuple(
    with_ed(base)
    for base in """
    admire attack avoid defend describe embrace follow greet help ignore insult interrupt invite
    mention notice praise protect remember rescue respect reward sketch support surprise thank trust
    visit warn watch welcome
    """.split()
)
NEAR = ("near", "behind", "beside", "opposite")
# Before a clause: what states that it holds, and what leaves it open.
HOLDS = ("because", "although", "since", "while")
OPEN = ("if", "unless", "in case")
# Between a person and a clause, likewise.
KNOWS = ("knew", "forgot", "discovered", "regretted")
GUESSES = ("doubted", "hoped", "claimed", "pretended")
