"""The words that RandomPet chooses from."""

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADVERBS: Final = _words(
    """
    boldly brightly calmly clearly deeply eagerly evenly fairly firmly freely gently gladly
    keenly kindly lightly mildly neatly openly plainly promptly quietly rarely safely sharply
    smoothly softly steadily surely swiftly warmly
    """
)

ADJECTIVES: Final = _words(
    """
    agile amber ample bold brave breezy bright brisk calm candid clear clever coastal crisp
    curious deft eager early earnest fair fluent fond frank fresh gentle glad golden hardy
    hazel honest humble jolly keen kind lively lucid mellow merry modest neat nimble noble
    patient plain placid polite prompt proud quick quiet rapid ready robust rustic serene
    sharp silver simple sincere sleek smooth snug solid stable steady stout sturdy subtle
    sunny supple swift tender tidy trusty upbeat vivid warm wise witty zesty
    """
)

NAMES: Final = _words(
    """
    adder alpaca avocet badger beaver beetle bison bittern bobcat bream bunting camel caribou
    cicada condor coot cricket crow curlew deer dingo dolphin dove dunlin eagle egret elk
    ermine falcon ferret finch fox frog gannet gazelle gecko gibbon goose grouse gull hare
    hawk heron herring hoopoe hornet ibex ibis iguana jackdaw jay kestrel kite kiwi koala
    lapwing lark lemur linnet lizard llama lynx magpie marmot marten merlin mink mole moose
    moth newt ocelot okapi oriole osprey otter owl panda perch petrel pigeon pika pipit plover
    polecat puffin quail rabbit raven redstart robin rook salmon seal shrew siskin skua snipe
    sparrow squid starling stoat stork swallow swan swift tapir teal tern thrush tiger toad
    trout turtle viper vole walrus warbler weasel whale wolf wombat wren yak zebra
    """
)
