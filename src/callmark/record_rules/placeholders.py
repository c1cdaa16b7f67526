"""Placeholders that no program filled in, such as `{{name}}`: a handset would show them as they are.

Nothing is refused for them: what is refused in names and reasons is listed (contract D13, D52), and a text may look so
and be meant. Previews and `callmark lint` name them.
"""

import re

PLACEHOLDER_HINT = "handsets show it as it is"
_PLACEHOLDER = re.compile(
    r"""
      [$\#%]? \{{1,3} [^{}]{0,40} \}{1,3}                   # {{name}}, {order}, ${name}
    | <{1,2} [A-Z] [\w\ .-]{0,40} >{1,2}                    # <name>
    | % [A-Z] [A-Z\ ._-]{0,40} % | % (?: [1-9]\$ )? s \b | (?-i: % d \b )  # %name%, %s
    | % \( \w{1,40} \) [sd] | (?-i: \$ [A-Z_]{4,40} \b ) | <% .{0,40}? %>  # %(name)s, $NAME, <%= name %>
    | \# (?: N/A | REF! | VALUE! | NAME\? | DIV/0! )       # of spreadsheets
    | \*\| [^|]{1,40} \|\*                                  # *|NAME|*
    | \[ (?: [A-Z]+ [\ _-] )?                              # [First name]; [Web] and [2 of 3] may be meant
      (?: name | id | company | business | number | no | date | day | time | amount | price | order | product | item
        | address | city | phone | link | url ) \]
    | \[object\ Object\]
    | (?-i: \b (?: undefined | NULL | NaN | (?<! ab\ ) (?<! ber\ ) (?<! unter\ ) null ) \b )  # "ab null Euro" is German
    | (?-i: \b (?: Dear | Hi | Hello ) \ (?: None | null | nil ) \b )
    | (?-i: \A (?: None | none | nil | nan | N/A | n/a ) \Z )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def placeholder_in(text: str) -> str:
    """The first part of a text that looks like a placeholder; empty if none does."""
    found = _PLACEHOLDER.search(text)
    return found[0] if found else ""
