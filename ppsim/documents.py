"""Reading documents: find them by name or path, parse YAML safely, validate against a dataclass, explain what is wrong.

Every error is one line: the document, the key, what is wrong and what is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from ppsim.errors import InputError

T = TypeVar("T")
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
_HERE = Path(__file__).resolve().parent


def packaged(folder: str) -> Path:
    """The folder of documents shipped with ppsim: inside the package when installed, beside it in a source tree."""
    inside = _HERE / folder
    return inside if inside.is_dir() else _HERE.parent / folder


def names(folder: str) -> tuple[str, ...]:
    """Names of the documents shipped in a folder."""
    return tuple(sorted(path.stem for path in packaged(folder).glob("*.yaml")))


def locate(name_or_path: str, folder: str, what: str) -> Path:
    """The file a name or path stands for; raises InputError that lists the known names."""
    known = names(folder)
    if name_or_path in known:
        return packaged(folder) / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.is_file():
        return path
    close = get_close_matches(name_or_path, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(f"{what} {name_or_path!r} is no file and no known name; {hint}known: {', '.join(known)}")


def read(path: Path, format_tag: str) -> dict[str, Any]:
    """The mapping in a YAML or JSON document that carries `format: format_tag`, without that key."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: {size} bytes; documents go up to {MAX_BYTES}")
        text = path.read_text(encoding="utf-8")
        _refuse_the_unusual(text)
        document = yaml.load(text, Loader=_loader())  # a subclass of the safe loader
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; a {format_tag} document in YAML or JSON is expected") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: holds no mapping; a {format_tag} document is expected")
    if document.pop("format", None) != format_tag:
        raise InputError(f"{path}: format: must be {format_tag!r}")
    return document


def _refuse_the_unusual(text: str) -> None:
    """Aliases (they can blow a small file up), tags and deep nesting, before anything is built from them."""
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        line = event.start_mark.line + 1  # type: ignore[union-attr]
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"line {line}: aliases (*name) are not accepted")
        if isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent) and event.tag not in (None, "!"):
            raise yaml.YAMLError(f"line {line}: tags ({event.tag}) are not accepted")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"line {line}: nested more than {MAX_DEPTH} deep")


@lru_cache(maxsize=1)
def _loader() -> Any:
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """The safe loader, with plain keys that stand once."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            """Refuse a key that is no scalar or stands twice."""
            seen = set()
            for key, _ in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode):
                    raise yaml.YAMLError(f"line {line}: a key has to be a word or a number")
                if key.value in seen:
                    raise yaml.YAMLError(f"the key {key.value!r} stands twice, again in line {line}")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    return Loader


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> Any:
    return TypeAdapter(kind)


def validate(kind: type[T], document: Any, where: str) -> T:
    """An instance of `kind` from a document; `where` names it in errors.

    Types are strict as in JSON: true is no number, and neither is "8".
    """
    try:
        text = json.dumps(document, default=_plain)
        return cast(T, _adapter(cast(Hashable, kind)).validate_json(text, strict=True))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(" ".join(f"{where}: {_explain(kind, first)}".split())) from None


def _plain(value: Any) -> Any:
    """NumPy numbers as plain ones, everything else JSON does not know as text."""
    return value.item() if hasattr(value, "item") else str(value)


def dump(value: Any) -> Any:
    """The plain mapping a dataclass of ours was made from."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")


def _explain(kind: Any, error: Any) -> str:
    location = [part for part in error["loc"] if not str(part).startswith(("constrained-", "literal["))]
    key = ".".join(str(part) for part in location)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "unexpected_keyword_argument":
        accepted = _keys_at(kind, location[:-1])
        message = "unknown key" + (f"; accepted: {', '.join(accepted)}" if accepted else "")
    elif error["type"] != "missing" and not isinstance(error["input"], dict | list):
        message += f", got {error['input']!r}"
    return f"{key}: {message}" if key else message


def _keys_at(kind: Any, location: list[Any]) -> tuple[str, ...]:
    for part in location:
        if is_dataclass(kind):
            kind = get_type_hints(kind).get(str(part))
        else:
            options = get_args(kind)
            tagged = (a for a in options if getattr(a, "type", None) == part)
            kind = next(tagged, options[0] if options else None)
    while kind is not None and not is_dataclass(kind):
        kind = next(iter(get_args(kind)), None)
    return tuple(f.name for f in fields(kind)) if kind else ()


def set_path(document: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set `document["a"]["b"]` for the path "a.b"; the parents have to be there."""
    *parents, last = path.split(".")
    place: Any = document
    for done, parent in enumerate(parents):
        if not isinstance(place, Mapping) or parent not in place:
            accepted = ", ".join(place) if isinstance(place, Mapping) else "nothing below it"
            raise InputError(f"{where}: --set {path}: no {'.'.join(parents[: done + 1])!r}; accepted here: {accepted}")
        place = place[parent]
    if not isinstance(place, dict):
        raise InputError(f"{where}: --set {path}: {'.'.join(parents)!r} has no fields")
    place[last] = value
