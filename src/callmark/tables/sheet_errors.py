"""Cells of spreadsheets that hold no value: errors such as `#N/A`, and formulas that were never calculated.

They would be valid names. So a field that takes such a cell gets a character that nothing may have: the row is refused
where its fields are validated, and one that does not use the cell is not. People are shown the cell without it.
"""

NO_VALUE = "(formula without a value)"
NO_VALUE_HINT = "the cell has an error of the spreadsheet, or a formula without a value"
NO_NUMBER = "#NUM!"
"""Of Excel; also for an infinite number of another format."""
_ERRORS = """
    #N/A #REF! #VALUE! #NAME? #DIV/0! #NULL! #NUM! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #BUSY! #UNKNOWN!
    #GETTING_DATA #NV #BEZUG! #WERT! #ZAHL! #N/D #VALEUR! #NOM? #NOMBRE! #NUL! #¡REF! #¡VALOR! #¿NOMBRE? #¡DIV/0! #¡NUM!
    #¡NULO! #VALORE! #NOME? #RIF! #VALOR!
"""
"""As workbooks have them, and as German, French, Spanish, Italian and Portuguese programs write them to CSV."""
_NO_VALUES = frozenset([*_ERRORS.split(), NO_VALUE])
NEVER_VALID = "\ufffb"
"""The end of an annotation, which is never seen and so refused in names (contract D52)."""


def marked(cell: str) -> str:
    """What a cell gives to a field of a record: one without a value gives nothing that it may be."""
    return f"{cell}{NEVER_VALID}" if cell in _NO_VALUES else cell


def is_marked(text: str) -> bool:
    """Whether a text is such a cell."""
    return text.endswith(NEVER_VALID) and text.removesuffix(NEVER_VALID) in _NO_VALUES


def shown(text: str) -> str:
    """A field's text as the file has it."""
    return text.removesuffix(NEVER_VALID) if is_marked(text) else text
