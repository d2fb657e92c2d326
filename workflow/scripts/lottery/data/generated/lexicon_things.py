"""Nouns in families: the name of each family and its members.

FAMILIES maps the more general word to more specific ones. All can be counted, and every member
belongs to one family only, so that two families never overlap.
"""

FAMILIES: dict[str, tuple[str, ...]] = {
    "bird": tuple("robin sparrow eagle owl crow pigeon swan parrot hawk".split()),
    "fish": tuple("salmon trout shark tuna herring cod eel carp".split()),
    "insect": tuple("beetle wasp ant moth butterfly mosquito bee".split()),
    "reptile": tuple("lizard snake turtle crocodile python alligator".split()),
    "flower": tuple("rose tulip daisy lily orchid violet daffodil".split()),
    "tree": tuple("oak pine maple birch willow cedar elm".split()),
    "fruit": tuple("apple pear banana cherry peach lemon mango plum".split()),
    "vegetable": tuple("carrot onion potato cabbage tomato bean turnip".split()),
    "tool": tuple("hammer wrench chisel drill shovel rake screwdriver".split()),
    "weapon": tuple("sword rifle dagger pistol spear cannon bow".split()),
    "vehicle": tuple("car truck bus van tractor taxi motorcycle ambulance".split()),
    "shoe": tuple("boot sandal slipper sneaker loafer".split()),
    "hat": tuple("cap helmet bonnet beret turban".split()),
    "jewel": tuple("diamond ruby emerald pearl sapphire".split()),
    "instrument": tuple("violin piano guitar flute trumpet drum cello harp".split()),
    "seat": tuple("sofa chair bench stool armchair throne".split()),
    "container": tuple("bucket basket jar barrel crate bottle jug".split()),
    "building": tuple("church hospital museum cottage factory castle".split()),
    "athlete": tuple("swimmer boxer runner gymnast wrestler skier goalkeeper".split()),
    "musician": tuple("violinist drummer pianist guitarist cellist organist".split()),
    "scientist": tuple("chemist biologist physicist geologist astronomer botanist".split()),
    "soldier": tuple("sergeant corporal sniper infantryman gunner paratrooper".split()),
    "criminal": tuple("thief murderer burglar robber smuggler kidnapper".split()),
    "publication": tuple("newspaper magazine dictionary novel encyclopedia".split()),
    "beverage": tuple("coffee tea beer wine lemonade whiskey cocoa".split()),
    "dessert": tuple("pudding pie pancake doughnut cake pastry".split()),
    "toy": tuple("doll puzzle kite balloon marble puppet".split()),
    "appliance": tuple("oven refrigerator toaster dishwasher freezer kettle".split()),
    "road": tuple("highway avenue alley boulevard lane motorway".split()),
    "dog": tuple("poodle terrier bulldog greyhound spaniel".split()),
    "rodent": tuple("mouse rat squirrel hamster beaver".split()),
    "monster": tuple("dragon vampire werewolf ogre zombie goblin".split()),
    "meal": tuple("breakfast lunch dinner supper brunch".split()),
    "coin": tuple("penny dime nickel shilling cent".split()),
    "shape": tuple("circle triangle square rectangle hexagon".split()),
    "storm": tuple("hurricane blizzard tornado typhoon cyclone".split()),
    "dance": tuple("waltz tango polka samba foxtrot".split()),
    "room": tuple("kitchen bedroom bathroom attic cellar".split()),
    "nut": tuple("almond walnut peanut hazelnut cashew".split()),
}

# The scene around the noun, the same in premise and hypothesis.
WATCHERS: tuple[str, ...] = tuple("we they she he i tom anna people".split())
SEEN: tuple[str, ...] = tuple(
    "saw noticed photographed described drew mentioned remembered painted wanted".split()
)
WHERE: tuple[str, ...] = tuple(
    "today outside nearby yesterday again there once upstairs here recently".split()
)
