"""JSON that comes over the wire: read, and quoted back when something in it is wrong.

What is wrong is told in the words of RapidJSON, as TensorFlow Serving does, with the offset in
bytes. `orjson` reads what is well formed; the standard library reads the rest: NaN and Infinity,
which TensorFlow Serving takes and JSON has not, and everything that needs an explanation.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import orjson

from tftrain.errors import ServingError

SHOWN = 1000  # characters of a value that an error quotes

_WORDS = {
    "Expecting value": "Invalid value.",
    "Extra data": "The document root must not be followed by other values.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Invalid control character at": "Invalid encoding in string.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
}
_IN_ARRAY = "Missing a comma or ] after an array element."
_IN_OBJECT = "Missing a comma or } after an object member."
_TOO_BIG = "Number too big to be stored in double."
_TOO_DEEP = "Nested too deeply."
_STRING_OR_BRACKET = re.compile(r'"(?:\\.|[^"\\])*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ENCODER = json.JSONEncoder(indent=4, ensure_ascii=False)
_INT64 = range(-(2**63), 2**64)  # beyond, RapidJSON has a double


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body.

    Integers beyond 64 bits become floats.

    Raises:
        ServingError: It is not JSON, and where, or not an object.

    Example:
        >>> parse(b'{"instances": [1, 2.5]}')
        {'instances': [1, 2.5]}
        >>> parse(b'{"instances": [1 2]}')
        Traceback (most recent call last):
        tftrain.errors.ServingError: INVALID_ARGUMENT: JSON Parse error: Missing a comma or ] after
        an array element. at offset: 17
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = _parse_with_care(body)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quoted(document)} Is not object")
    return document


def quoted(value: Any) -> str:
    """The value as JSON, cut where it gets long."""
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece
        if len(text) > SHOWN:
            return text[:SHOWN] + "..."
    return text


def type_name(value: Any) -> str:
    """What RapidJSON calls the value's type."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return str(value)
    names = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return names[type(value)]


def invalid(message: str) -> ServingError:
    """A request that is wrong in itself."""
    return ServingError("INVALID_ARGUMENT", message)


def _parse_with_care(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _misread("Invalid encoding in string.", error.start) from None
    try:
        document = json.loads(text, parse_int=_integer, parse_float=_number)
    except json.JSONDecodeError as error:
        raise _misread(_words(error), _offset(text, error.pos)) from None
    except RecursionError:
        raise _misread(_TOO_DEEP, len(body)) from None
    except OverflowError as error:
        raise _misread(_TOO_BIG, _offset(text, text.find(str(error)))) from None
    _check_strings(document, text)
    return document


def _integer(digits: str) -> int | float:
    if len(digits) <= 20 and int(digits) in _INT64:
        return int(digits)
    return _number(digits)


def _number(digits: str) -> float:
    if (value := float(digits)) in (float("inf"), float("-inf")):
        raise OverflowError(digits)
    return value


def _words(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "The document is empty."
    if error.msg == "Expecting ',' delimiter":
        return _IN_ARRAY if _innermost(error.doc[: error.pos]) == "[" else _IN_OBJECT
    return _WORDS.get(error.msg, "Invalid value.")


def _innermost(text: str) -> str:
    """The bracket that is still open at the end of the text."""
    opened: list[str] = []
    for token in _STRING_OR_BRACKET.findall(text):
        if token in "[{":
            opened.append(token)
        elif token in "]}":
            opened.pop()
    return opened[-1]


def _check_strings(document: Any, text: str) -> None:
    """Half a surrogate pair is no character, though Python can hold one."""
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        found = _SURROGATE.search(text)
        if "surrogate" in str(error) and found:
            words = "The surrogate pair in string is invalid."
            raise _misread(words, _offset(text, found.start())) from None
        raise _misread(_TOO_DEEP, len(text)) from None


def _offset(text: str, position: int) -> int:
    return len(text[:position].encode(errors="replace"))


def _misread(words: str, offset: int) -> ServingError:
    return invalid(f"JSON Parse error: {words} at offset: {offset}")
