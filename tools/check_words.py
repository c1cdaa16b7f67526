"""Fails on words that our texts avoid: in pages, scripts, commands, errors, reference, docs, docstrings and comments.

The words, and what to write instead, are in `tools/avoided_words.toml`; a file that needs one in its normal sense is
named there too. Code names are not checked: in Markdown and docstrings what is between backquotes or in a code block is
skipped; of JavaScript only texts are read.
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_JS_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`')
_JS_COMMENT = re.compile(r"^\s*(//|/?\*).*$", re.MULTILINE)
_NOT_PROSE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", re.DOTALL)
_NOT_TEXT = re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL)
_TEMPLATE_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")


def main() -> int:
    """0, or 1 with a line for each word that was found."""
    rules = read_rules()
    allowed: dict[str, list[str]] = rules["allowed"]
    words = {_of_word(word): better for word, better in rules["words"].items()}
    any_of_them = _of_word("|".join(rules["words"]))  # most texts have none, and are read once
    found = 0
    for path in sorted(paths_of(rules)):
        name = path.relative_to(ROOT).as_posix()
        for line, text in texts(path):
            for word, better in words.items() if any_of_them.search(text) else ():
                for match in word.finditer(text):
                    if match[0].lower() not in allowed.get(name, []):
                        found += 1
                        number = line + text[: match.start()].count("\n")
                        sys.stdout.write(f"{name}:{number}: {match[0]!r}: {better}\n")
    return 1 if found else 0


def read_rules() -> dict[str, Any]:
    """What `tools/avoided_words.toml` says."""
    return tomllib.loads(Path(__file__).with_name("avoided_words.toml").read_text())


def paths_of(rules: Mapping[str, Any]) -> set[Path]:
    """The files that are read."""
    return {path for pattern in rules["files"] for path in ROOT.glob(pattern)}


def _of_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{word})\b", re.IGNORECASE)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file for people, each with the line on which it begins."""
    source = path.read_text()
    if path.suffix == ".py":
        yield from _python_texts(source)
    elif path.suffix == ".js":
        bare = _JS_COMMENT.sub(_blank, source)
        for match in _JS_TEXT.finditer(bare):
            yield bare[: match.start()].count("\n") + 1, match[0]
    elif path.suffix == ".html":
        yield 1, _TEMPLATE_CODE.sub(_strings_alone, _NOT_TEXT.sub(_blank, source))
    else:
        yield 1, _NOT_PROSE.sub(_blank, source)


def _python_texts(source: str) -> Iterator[tuple[int, str]]:
    """String literals; docstrings and comments without the code in them."""
    tree = ast.parse(source)
    docstrings = {id(text) for text in map(_docstring, ast.walk(tree)) if text}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, _NOT_PROSE.sub(_blank, node.value) if id(node) in docstrings else node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], _NOT_PROSE.sub(_blank, token.string)


def _docstring(node: ast.AST) -> ast.Constant | None:
    """A docstring, and a string alone after a name that describes it."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value
    return None


def _strings_alone(match: re.Match[str]) -> str:
    """Template code with nothing but its strings, at their places."""
    kept = list(_blank(match))
    for text in _STRING.finditer(match[0]):
        kept[text.start() : text.end()] = text[0]
    return "".join(kept)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


if __name__ == "__main__":
    sys.exit(main())
