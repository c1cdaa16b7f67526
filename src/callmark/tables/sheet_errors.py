"""Cells of spreadsheets that hold no value: errors such as `#N/A`, and formulas that were never calculated.

They would be valid names. So they get a character that nothing may have: a row that uses such a cell is refused where
its fields are validated, and one that does not use it is not.
"""

from msgspec.structs import replace

from callmark.tables.model import Line

NO_VALUE = "(formula without a value)"
_ERRORS = """
    #N/A #REF! #VALUE! #NAME? #DIV/0! #NULL! #NUM! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #BUSY! #UNKNOWN!
    #GETTING_DATA #NV #BEZUG! #WERT! #ZAHL! #N/D #VALEUR! #NOM? #NOMBRE! #NUL! #¡REF! #¡VALOR! #¿NOMBRE? #¡DIV/0! #¡NUM!
    #¡NULO! #VALORE! #NOME? #RIF! #VALOR!
"""
"""As workbooks have them, and as German, French, Spanish, Italian and Portuguese programs write them to CSV."""
_NO_VALUES = frozenset([*_ERRORS.split(), NO_VALUE])
_NEVER_VALID = "\ufffb"
"""The end of an annotation, which is never seen and so refused in names (contract D52)."""


def marked(line: Line) -> Line:
    """The line; in it, cells without a value can be no field of a record."""
    if _NO_VALUES.isdisjoint(line.cells):
        return line
    return replace(line, cells=tuple(f"{cell}{_NEVER_VALID}" if cell in _NO_VALUES else cell for cell in line.cells))


def is_marked(text: str) -> bool:
    """Whether a text is such a cell."""
    return text.endswith(_NEVER_VALID) and text.removesuffix(_NEVER_VALID) in _NO_VALUES
