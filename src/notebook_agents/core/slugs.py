"""Slugs: three words that name a conversation, easy to say and to remember.

They tell nothing and open nothing: whoever uses one must still be allowed to.
"""

from __future__ import annotations

import re
import secrets


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MOODS = _words(
    """able agile amber ample basic bold brave brief bright brisk calm candid clear clever cosy
    crisp curious deft eager early easy even fair fast fine firm fond frank fresh gentle glad
    golden grand green happy honest humble ideal jolly keen kind lively lucid lucky mellow merry
    mild modest neat nimble noble patient plain polite prime proud quick quiet rapid ready sharp
    silent simple smart smooth snug solid sound spry stable steady subtle sunny sure swift tidy
    true trusty upbeat vivid warm wise witty"""
)
COLOURS = _words(
    """azure beige bronze copper coral cream crimson cyan ebony emerald indigo ivory jade khaki
    lemon lilac lime magenta maroon mauve mint navy ochre olive orange peach pearl pink plum
    purple red ruby russet saffron sage sandy scarlet sepia silver slate teal topaz umber
    violet white yellow"""
)
ANIMALS = _words(
    """badger beaver bison bobcat camel cheetah condor cougar crane deer dingo dolphin eagle egret
    elk falcon ferret finch fox gazelle gecko gibbon goose hare hawk heron ibex iguana jackal
    jaguar koala lark lemur leopard lion llama lynx magpie marmot marten mole moose newt ocelot
    oriole osprey otter owl panda panther parrot pelican penguin pigeon plover puffin puma quail
    rabbit raven robin salmon seal shark sparrow squid stork swan tapir tiger toad tortoise toucan
    trout turtle walrus weasel whale wolf wombat yak zebra"""
)
N_PLAIN_TRIES = 3
"""After so many slugs that were taken, a number makes the next one rarer."""
_SLUG = re.compile(r"[a-z]+(?:-[a-z0-9]+)+")


def new_slug(n_taken: int = 0) -> str:
    """Words that are probably free, the more so the more were found to be taken."""
    words = [secrets.choice(words) for words in (MOODS, COLOURS, ANIMALS)]
    if n_taken >= N_PLAIN_TRIES:
        words.append(str(secrets.randbelow(9000) + 1000))
    return "-".join(words)


def is_slug(text: str) -> bool:
    """Whether a text may be a slug."""
    return len(text) <= 80 and _SLUG.fullmatch(text) is not None
