"""The category catalogue: ISIC Revision 4, sections as categories and divisions as sub-categories.

Source: United Nations, International Standard Industrial Classification of All Economic Activities, Rev. 4. A
category is its section's place in the alphabet (A = 1 … U = 21), a sub-category is its division's own code (1 to 99).
"""

from types import MappingProxyType

from msgspec import Struct

from callmark.kit.errors import InvalidInput


class Category(Struct, frozen=True):
    """A section: its number, its letter, its title, and the titles of its divisions by code."""

    number: int
    letter: str
    title: str
    sub_categories: MappingProxyType[int, str]


DEFAULT_SUB_CATEGORY = 82
"""Business support, which includes call centres: what a label is filed under when nobody says."""

_SECTIONS: tuple[tuple[str, dict[int, str]], ...] = (
    (
        "Agriculture, forestry and fishing",
        {
            1: "Crop and animal production, hunting and related service activities",
            2: "Forestry and logging",
            3: "Fishing and aquaculture",
        },
    ),
    (
        "Mining and quarrying",
        {
            5: "Mining of coal and lignite",
            6: "Extraction of crude petroleum and natural gas",
            7: "Mining of metal ores",
            8: "Other mining and quarrying",
            9: "Mining support service activities",
        },
    ),
    (
        "Manufacturing",
        {
            10: "Manufacture of food products",
            11: "Manufacture of beverages",
            12: "Manufacture of tobacco products",
            13: "Manufacture of textiles",
            14: "Manufacture of wearing apparel",
            15: "Manufacture of leather and related products",
            16: "Manufacture of wood and of products of wood and cork, except furniture;"
            " manufacture of articles of straw and plaiting materials",
            17: "Manufacture of paper and paper products",
            18: "Printing and reproduction of recorded media",
            19: "Manufacture of coke and refined petroleum products",
            20: "Manufacture of chemicals and chemical products",
            21: "Manufacture of basic pharmaceutical products and pharmaceutical preparations",
            22: "Manufacture of rubber and plastics products",
            23: "Manufacture of other non-metallic mineral products",
            24: "Manufacture of basic metals",
            25: "Manufacture of fabricated metal products, except machinery and equipment",
            26: "Manufacture of computer, electronic and optical products",
            27: "Manufacture of electrical equipment",
            28: "Manufacture of machinery and equipment n.e.c.",
            29: "Manufacture of motor vehicles, trailers and semi-trailers",
            30: "Manufacture of other transport equipment",
            31: "Manufacture of furniture",
            32: "Other manufacturing",
            33: "Repair and installation of machinery and equipment",
        },
    ),
    (
        "Electricity, gas, steam and air conditioning supply",
        {35: "Electricity, gas, steam and air conditioning supply"},
    ),
    (
        "Water supply; sewerage, waste management and remediation activities",
        {
            36: "Water collection, treatment and supply",
            37: "Sewerage",
            38: "Waste collection, treatment and disposal activities; materials recovery",
            39: "Remediation activities and other waste management services",
        },
    ),
    (
        "Construction",
        {
            41: "Construction of buildings",
            42: "Civil engineering",
            43: "Specialized construction activities",
        },
    ),
    (
        "Wholesale and retail trade; repair of motor vehicles and motorcycles",
        {
            45: "Wholesale and retail trade and repair of motor vehicles and motorcycles",
            46: "Wholesale trade, except of motor vehicles and motorcycles",
            47: "Retail trade, except of motor vehicles and motorcycles",
        },
    ),
    (
        "Transportation and storage",
        {
            49: "Land transport and transport via pipelines",
            50: "Water transport",
            51: "Air transport",
            52: "Warehousing and support activities for transportation",
            53: "Postal and courier activities",
        },
    ),
    (
        "Accommodation and food service activities",
        {
            55: "Accommodation",
            56: "Food and beverage service activities",
        },
    ),
    (
        "Information and communication",
        {
            58: "Publishing activities",
            59: "Motion picture, video and television programme production,"
            " sound recording and music publishing activities",
            60: "Programming and broadcasting activities",
            61: "Telecommunications",
            62: "Computer programming, consultancy and related activities",
            63: "Information service activities",
        },
    ),
    (
        "Financial and insurance activities",
        {
            64: "Financial service activities, except insurance and pension funding",
            65: "Insurance, reinsurance and pension funding, except compulsory social security",
            66: "Activities auxiliary to financial service and insurance activities",
        },
    ),
    (
        "Real estate activities",
        {68: "Real estate activities"},
    ),
    (
        "Professional, scientific and technical activities",
        {
            69: "Legal and accounting activities",
            70: "Activities of head offices; management consultancy activities",
            71: "Architectural and engineering activities; technical testing and analysis",
            72: "Scientific research and development",
            73: "Advertising and market research",
            74: "Other professional, scientific and technical activities",
            75: "Veterinary activities",
        },
    ),
    (
        "Administrative and support service activities",
        {
            77: "Rental and leasing activities",
            78: "Employment activities",
            79: "Travel agency, tour operator, reservation service and related activities",
            80: "Security and investigation activities",
            81: "Services to buildings and landscape activities",
            82: "Office administrative, office support and other business support activities",
        },
    ),
    (
        "Public administration and defence; compulsory social security",
        {84: "Public administration and defence; compulsory social security"},
    ),
    (
        "Education",
        {85: "Education"},
    ),
    (
        "Human health and social work activities",
        {
            86: "Human health activities",
            87: "Residential care activities",
            88: "Social work activities without accommodation",
        },
    ),
    (
        "Arts, entertainment and recreation",
        {
            90: "Creative, arts and entertainment activities",
            91: "Libraries, archives, museums and other cultural activities",
            92: "Gambling and betting activities",
            93: "Sports activities and amusement and recreation activities",
        },
    ),
    (
        "Other service activities",
        {
            94: "Activities of membership organizations",
            95: "Repair of computers and personal and household goods",
            96: "Other personal service activities",
        },
    ),
    (
        (
            "Activities of households as employers;"
            " undifferentiated goods- and services-producing activities of households for own use"
        ),
        {
            97: "Activities of households as employers of domestic personnel",
            98: "Undifferentiated goods- and services-producing activities of private households for own use",
        },
    ),
    (
        "Activities of extraterritorial organizations and bodies",
        {99: "Activities of extraterritorial organizations and bodies"},
    ),
)

CATEGORIES: tuple[Category, ...] = tuple(
    Category(number, chr(ord("A") + number - 1), title, MappingProxyType(divisions))
    for number, (title, divisions) in enumerate(_SECTIONS, start=1)
)
"""All 21 categories in order."""

_CATEGORY_OF = {code: category for category in CATEGORIES for code in category.sub_categories}


def category_of(sub_category: int) -> int:
    """The category that `sub_category` belongs to. Raises InvalidInput for a code that no division has."""
    category = _CATEGORY_OF.get(sub_category)
    if category is None:
        raise InvalidInput(f"sub-category {sub_category} does not exist", field="sub_category")
    return category.number


def check(category: int, sub_category: int) -> None:
    """Raises InvalidInput unless both exist and `sub_category` belongs to `category`."""
    if not 1 <= category <= len(CATEGORIES):
        raise InvalidInput(f"category {category} does not exist", field="category")
    if category_of(sub_category) != category:
        belongs = category_of(sub_category)
        raise InvalidInput(
            f"sub_category {sub_category} belongs to category {belongs}, not {category}", field="sub_category"
        )
