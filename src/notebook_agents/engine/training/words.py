"""Words of names in the training conversations, others in evaluation, and words of dates."""

from __future__ import annotations

_TRAIN = """
price quantity revenue region category status product customer amount sales cost profit month
year city country name age score weight height temperature date day hour duration speed distance
volume tax discount units total_price income salary department team user order item rating count
value level group type size color brand store channel segment market budget margin stock
supplier east west north south red green blue black white small medium large open closed pending
shipped done active new old paid lost won good bad high low alpha beta gamma delta lamp table
chair desk book pen phone laptop bread milk apple banana orange tea coffee water wine cheese
rice sugar salt berlin paris london madrid rome vienna oslo tokyo lima cairo anna bob carol dave
eva frank grace heidi ivan judy visits clicks views errors latency host port server node memory
cpu disk energy power voltage current pressure humidity rain wind depth length width area rate
ratio share percent index code key label title author page line word letter email address street
zip state plan task project client contract invoice payment account balance credit debit bank
branch agent driver car truck bus train plane ship route stop station ticket seat room hotel
guest night floor building house garden tree flower leaf animal dog cat horse bird fish species
sample test trial dose drug patient doctor nurse hospital ward student teacher class school
grade course exam subject language game player match goal point season movie song album artist
genre film actor event place visitor museum park lake river mountain forest machine sensor
signal channel_id batch lot part tool factory plant shift worker wage bonus rent fee quarter
week minute second start end first last left right north_west plus minus budget_left refund
delivery package parcel weight_kg height_cm country_code user_id order_id unit_price net gross
vat
"""

_HELD = """
clinic harvest anchor saddle glossary homework timber velocity carbon oxygen magnet lantern
pillow kettle pepper walnut cherry violet indigo scarlet harbor canyon meadow desert comet
planet rocket pilot farmer baker painter singer sailor judge lawyer poet knight castle tower
bridge tunnel engine turbine filter beacon mirror ribbon button jacket helmet glove basket
barrel bucket ladder hammer churn tenure premium dividend equity bond asset yield mortgage
tariff quota tonnage cargo vessel helsinki lisbon dublin prague zurich mona felix oscar ruth
simon vera walter yusuf quinn rosa altitude longitude latitude radius diameter torque friction
voltage_max density opacity contrast nutrient calorie protein fiber vitamin symptom therapy
vaccine allergy insulin enzyme neuron
"""

_STEMS = """
sales orders data customers products notes report log results events users metrics config
settings README train test output input items stock prices weather survey table export
"""

_FOLDERS = """
data data data docs src input output files results logs raw tests reports
"""

ACCENTED: tuple[tuple[str, ...], tuple[str, ...]] = (
    (
        "café",
        "größe",
        "año",
        "niño",
        "prénom",
        "número",
        "température",
        "señor",
        "Müller",
        "Zürich",
    ),
    (
        "déjà",
        "piñata",
        "straße",
        "façade",
        "jalapeño",
        "Malmö",
        "Göteborg",
        "über",
        "crème",
        "élève",
    ),
)
"""Words with accents, for training and held out."""

WORDS: tuple[tuple[str, ...], tuple[str, ...]] = (tuple(_TRAIN.split()), tuple(_HELD.split()))
"""Training words and held-out words; index by whether the vocabulary is held out."""

STEMS = tuple(_STEMS.split())
"""Common names of files."""

FOLDERS = tuple(_FOLDERS.split())
"""Common names of folders."""

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
"""The months in English."""


def ordinal(digits: str) -> str:
    """A number with the ending of its order, such as `21st`."""
    last = "" if digits[-2:-1] == "1" else digits[-1]
    return digits + {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")
