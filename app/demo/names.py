"""Names for people and accounts that do not exist; the words are ours, the draw is the caller's."""

import random
import unicodedata

DOMAIN = "earshot.example"
"""Reserved by RFC 2606: mail to it goes nowhere."""

_Names = tuple[tuple[str, ...], tuple[str, ...]]

_ENGLISH: _Names = (
    ("Alice", "Ben", "Chloe", "Daniel", "Ellie", "Frank", "Grace", "Harry", "Imogen", "Jack", "Nora", "Owen", "Sam"),
    (
        "Ashby",
        "Barlow",
        "Carver",
        "Dalton",
        "Ellwood",
        "Fairley",
        "Hobbs",
        "Marsden",
        "Quinn",
        "Rowe",
        "Thorne",
        "Webb",
    ),
)
_IRISH_SCOTS: _Names = (
    ("Aidan", "Aoife", "Callum", "Eilidh", "Fergus", "Fiona", "Maeve", "Niall", "Rory", "Siobhan"),
    ("Brennan", "Doyle", "Gilroy", "Kerr", "MacLeod", "McRae", "Nolan", "Sinclair", "Tierney", "Walsh"),
)
_HISPANIC: _Names = (
    ("Ana", "Carlos", "Diego", "Elena", "Gabriela", "Javier", "Lucía", "Mateo", "Paloma", "Rafael", "Sofía", "Tomás"),
    (
        "Aguilar",
        "Cárdenas",
        "Delgado",
        "Esquivel",
        "Fuentes",
        "Ibarra",
        "Maldonado",
        "Ortega",
        "Peña",
        "Salazar",
        "Vega",
    ),
)
_AFRICAN: _Names = (
    ("Amara", "Chidi", "Efua", "Ifeoma", "Kwame", "Mara", "Nia", "Obinna", "Sena", "Tendai", "Yaw", "Zola"),
    ("Adeyemi", "Boateng", "Chukwu", "Dlamini", "Eze", "Mensah", "Moyo", "Nkosi", "Okafor", "Owusu", "Sithole"),
)
_EAST_ASIAN: _Names = (
    ("Aiko", "Grace", "Hana", "Jin", "Kenji", "Linh", "Mei", "Minh", "Sora", "Wei", "Yuna", "Yuki"),
    ("Chen", "Fujita", "Hayashi", "Kang", "Lin", "Mori", "Nguyen", "Pham", "Sato", "Tran", "Yoon", "Zhao"),
)
_INDIAN: _Names = (
    ("Aditi", "Arjun", "Deepa", "Farhan", "Ishaan", "Kavya", "Lakshmi", "Meera", "Nikhil", "Priya", "Rohan", "Vikram"),
    (
        "Banerjee",
        "Chopra",
        "Deshpande",
        "Iyer",
        "Joshi",
        "Kulkarni",
        "Menon",
        "Nair",
        "Pillai",
        "Raman",
        "Shetty",
        "Verma",
    ),
)
_BRAZILIAN: _Names = (
    (
        "André",
        "Beatriz",
        "Caio",
        "Fernanda",
        "Helena",
        "Ícaro",
        "João",
        "Larissa",
        "Marcelo",
        "Renata",
        "Thiago",
        "Yara",
    ),
    ("Almeida", "Barbosa", "Cardoso", "Duarte", "Figueira", "Gonçalves", "Moraes", "Nogueira", "Queirós", "Teixeira"),
)
_GERMAN: _Names = (
    ("Anke", "Björn", "Clara", "Felix", "Greta", "Hannes", "Jonas", "Katrin", "Lukas", "Mareike", "Till", "Ulrike"),
    ("Albrecht", "Brandt", "Dressler", "Engel", "Hoffner", "Kessler", "Lindner", "Möller", "Reuter", "Schäfer", "Vogt"),
)
_TURKISH: _Names = (
    ("Aylin", "Baran", "Cem", "Defne", "Elif", "Emre", "Kerem", "Leyla", "Selin", "Yasemin"),
    ("Acar", "Bulut", "Çelik", "Demir", "Ekinci", "Güler", "Korkmaz", "Özkan", "Polat", "Şahin"),
)
_NORDIC_SLAVIC: _Names = (
    ("Agata", "Astrid", "Freja", "Henrik", "Ivana", "Jakub", "Lars", "Milena", "Pavel", "Signe", "Tomasz", "Zuzana"),
    ("Bergström", "Dvořák", "Horvat", "Kowal", "Lindqvist", "Nilsson", "Novotný", "Petrov", "Sandvik", "Zielinski"),
)
_ARABIC_PERSIAN: _Names = (
    ("Aisha", "Amir", "Dalia", "Hassan", "Karim", "Layla", "Nadia", "Omid", "Samira", "Tariq", "Yusuf", "Zahra"),
    ("Abbasi", "Bakri", "Darwish", "Farahani", "Haddad", "Khoury", "Mansour", "Nasser", "Rahimi", "Saleh", "Tehrani"),
)
_ROMANCE: _Names = (
    ("Camille", "Chiara", "Élodie", "Giulia", "Hugo", "Luca", "Margaux", "Matteo", "Noé", "Théo"),
    ("Bellini", "Caron", "Dufour", "Ferrante", "Garnier", "Lefort", "Marchetti", "Pelletier", "Ricci", "Vasseur"),
)

_LIVING_IN: dict[str, tuple[_Names, ...]] = {
    "America/New_York": (_ENGLISH, _AFRICAN, _HISPANIC, _EAST_ASIAN, _ARABIC_PERSIAN),
    "America/Chicago": (_ENGLISH, _NORDIC_SLAVIC, _IRISH_SCOTS, _AFRICAN),
    "America/Los_Angeles": (_EAST_ASIAN, _HISPANIC, _ENGLISH, _INDIAN, _ARABIC_PERSIAN),
    "America/Phoenix": (_HISPANIC, _ENGLISH, _EAST_ASIAN),
    "America/Sao_Paulo": (_BRAZILIAN, _BRAZILIAN, _EAST_ASIAN),
    "Europe/London": (_ENGLISH, _IRISH_SCOTS, _INDIAN, _AFRICAN, _ROMANCE),
    "Europe/Berlin": (_GERMAN, _GERMAN, _TURKISH, _NORDIC_SLAVIC, _ROMANCE),
    "Asia/Kolkata": (_INDIAN,),
    "Australia/Sydney": (_ENGLISH, _EAST_ASIAN, _IRISH_SCOTS, _INDIAN),
}

# Coined first words: a firm of the same name would be a coincidence.
_STEMS = [
    "Alder",
    "Amber",
    "Bram",
    "Calder",
    "Cinder",
    "Cobalt",
    "Dun",
    "Ember",
    "Ever",
    "Fallow",
    "Glim",
    "Gran",
    "Harrow",
    "Helio",
    "Isen",
    "Juni",
    "Kestrel",
    "Lark",
    "Lumen",
    "Marl",
    "Nether",
    "North",
    "Ochre",
    "Orrin",
    "Pell",
    "Quill",
    "Rowan",
    "Sable",
    "Tarn",
    "Thistle",
    "Umber",
    "Vale",
    "Wester",
    "Yarrow",
]
_ENDINGS = [
    "beck",
    "bourne",
    "bridge",
    "croft",
    "dale",
    "fell",
    "field",
    "ford",
    "gate",
    "grove",
    "ham",
    "holt",
    "mark",
    "mere",
    "mont",
    "stead",
    "wick",
    "wood",
]
_TRADES = (
    "Analytics",
    "Bakeries",
    "Biolabs",
    "Care",
    "Components",
    "Dental",
    "Energy",
    "Foods",
    "Freight",
    "Health",
    "Homes",
    "Hotels",
    "Instruments",
    "Insurance",
    "Learning",
    "Legal",
    "Logistics",
    "Media",
    "Mobility",
    "Optics",
    "Outdoor",
    "Packaging",
    "Payments",
    "Pharma",
    "Print",
    "Rail",
    "Robotics",
    "Security",
    "Software",
    "Solar",
    "Systems",
    "Textiles",
    "Travel",
    "Water",
)

_DRAWS_FOR_A_FRESH_NAME = 50


def person_name(rng: random.Random, time_zone: str, taken: set[str]) -> str:
    """Draw a name that somebody living in `time_zone` may bear; its words and its address are added to `taken`.

    Addresses are unique, and so are first and last names while the words last: that tells people on a page apart.
    """
    draws = 0
    while True:
        draws += 1
        first, last = (rng.choice(words) for words in rng.choice(_LIVING_IN[time_zone]))
        mail = address(f"{first} {last}")
        heard = first in taken or last in taken
        if mail not in taken and (not heard or draws > _DRAWS_FOR_A_FRESH_NAME):
            taken.update((first, last, mail))
            return f"{first} {last}"


def address(name: str) -> str:
    """Return the e-mail address of a name: ASCII, lower case, `first.last` at a reserved domain."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{'.'.join(plain.lower().split())}@{DOMAIN}"


def account_name(rng: random.Random, taken: set[str]) -> str:
    """Draw an account's name, such as `Calderwick Freight`, that is not in `taken`, and add it."""
    while True:
        name = f"{rng.choice(_STEMS)}{rng.choice(_ENDINGS)} {rng.choice(_TRADES)}"
        if name not in taken:
            taken.add(name)
            return name
