"""Words of praise and of blame, and the things people have opinions about.

The sentiment task draws its deciding words from PRAISE and BLAME: the two tables have the same
parts of speech, so that only the meaning of a word tells the label.
"""

PRAISE: dict[str, tuple[str, ...]] = {
    "adjective": tuple(
        """
        wonderful excellent brilliant delightful superb charming lovely fantastic great amazing
        beautiful perfect magnificent splendid terrific fabulous remarkable impressive enjoyable
        pleasant elegant graceful inspiring fascinating engaging refreshing stunning gorgeous
        exquisite outstanding exceptional clever witty funny hilarious joyful cheerful friendly
        generous sincere lively vibrant exciting thrilling gripping satisfying rewarding memorable
        flawless polished comfortable cozy helpful thoughtful tender imaginative
        inventive creative breathtaking dazzling glorious sublime heavenly superior valuable
        worthy welcome reliable sweet entertaining amusing enchanting sensational phenomenal
        good nice adorable attractive fresh tasty delicious
        """.split()
    ),
    "verb": tuple(
        """
        loved enjoyed adored admired praised recommended treasured celebrated appreciated
        cherished applauded welcomed
        """.split()
    ),
    "noun": tuple(
        """
        joy delight triumph success pleasure masterpiece treasure treat gem blessing miracle
        victory
        """.split()
    ),
}

BLAME: dict[str, tuple[str, ...]] = {
    "adjective": tuple(
        """
        terrible awful horrible dreadful boring dull tedious bad poor disappointing mediocre
        annoying irritating ugly nasty disgusting unpleasant miserable pathetic ridiculous stupid
        pointless worthless useless lifeless bland stale rotten dirty filthy noisy rude cruel
        careless clumsy sloppy messy confusing predictable tiresome dreary bleak gloomy depressing
        painful frustrating offensive insulting shallow hollow weak lame cheap fake dishonest
        greedy arrogant lazy hopeless broken faulty defective hostile bitter sour foul vile hideous
        appalling inferior flawed laughable embarrassing shameful wretched grim unbearable
        wasteful outrageous tasteless unfair sad evil
        """.split()
    ),
    "verb": tuple(
        """
        hated regretted despised disliked condemned criticized rejected resented mocked loathed
        ridiculed dreaded
        """.split()
    ),
    "noun": tuple(
        """
        disaster failure mess waste nightmare disgrace insult mistake shame catastrophe scandal
        torture
        """.split()
    ),
}

# What is judged: a line is a scene, and the two halves of a sentence stay in one scene.
ASPECTS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """
    film plot acting ending script dialogue soundtrack director cast
    meal soup dessert waiter menu kitchen breakfast wine chef
    hotel room staff view pool flight guide beach service
    concert song singer band melody album chorus choir orchestra
    book story novel style chapter author poem prose hero
    course lesson teacher lecture campus library coach seminar tutor
    camera phone screen battery design sound jacket packaging seller
    """.strip().splitlines()
)

JUDGES: tuple[str, ...] = tuple(
    """
    critics readers visitors guests students customers neighbours tourists reviewers parents
    children colleagues
    """.split()
)

# Words that say something, but nothing good or bad.
NEUTRAL: tuple[str, ...] = tuple(
    "new second local recent whole usual other first latest actual evening weekly".split()
)
DEGREES: tuple[str, ...] = tuple("very really quite rather truly simply utterly so".split())
NOT: tuple[str, ...] = ("not", "never", "hardly", "anything but", "far from", "no longer")
