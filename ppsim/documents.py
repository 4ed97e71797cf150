"""Reading documents: find them by name or path, parse YAML safely, validate against a dataclass, explain what is wrong.

Every error is one line: the document, the key, what is wrong and what is accepted.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from ppsim.errors import InputError

T = TypeVar("T")
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
#: words, lists and mappings in a YAML document: more take longer than a second
MAX_PARTS = 2**17
#: lists, mappings and keys in a JSON document: what it is made of takes many times the room of its text
MAX_NODES = 2**23
#: keys of a mapping from names to mappings, and of any other mapping: every unknown key is an error that takes room
MAX_KEYS, MAX_FIELDS = 2**14, 32
#: characters of a value that an error repeats
MAX_QUOTE = 80
#: characters of a file's name that an error repeats in full
MAX_NAME = 1000
#: characters of what a parser says
MAX_SAID = 500
#: libyaml holds each against all before it
_DIRECTIVE, _MAX_DIRECTIVES = re.compile("(?:^|[\r\n\x85\u2028\u2029])%"), 64
_NO_KEY = object()
_HERE = Path(__file__).resolve().parent


def packaged(folder: str) -> Path:
    """The folder of documents shipped with ppsim: inside the package when installed, beside it in a source tree."""
    inside = _HERE / folder
    return inside if inside.is_dir() else _HERE.parent / folder


@lru_cache(maxsize=16)
def names(folder: str) -> tuple[str, ...]:
    """Names of the documents shipped in a folder."""
    return tuple(sorted(path.stem for path in packaged(folder).glob("*.yaml")))


def is_file(path: str | Path) -> bool:
    """Whether there is a file, also for names that no file can have."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def version(path: Path) -> tuple[str, int, int]:
    """What tells a file from others, and from itself once it has changed: for caches of what was read from it."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return str(path.resolve()), status.st_mtime_ns, status.st_size


def locate(name_or_path: str | Path, folder: str, what: str) -> Path:
    """The file a name or path stands for; raises InputError that lists the known names."""
    name, known = str(name_or_path), names(folder)
    if name in known:
        return packaged(folder) / f"{name}.yaml"
    path = Path(name)
    if is_file(path):
        return path
    close = get_close_matches(name[:MAX_QUOTE], known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    problem = "is a folder, and a file is needed" if name and os.path.isdir(name) else "is no file and no known name"
    said = repr(name) if len(name) <= MAX_NAME else quote(name)
    raise InputError(f"{what} {said} {problem}; {hint}known: {', '.join(known)}")


def format_of(path: Path) -> str | None:
    """What a document says its format is, near its beginning; None if it says nothing of the kind."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            found = re.search(r"""^\W*format["']?:\s*["']?([\w./-]+)""", file.read(4096), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return found[1] if found else None


def read(path: Path, format_tag: str) -> dict[str, Any]:
    """The mapping in a YAML or JSON document that carries `format: format_tag`, without that key.

    Raises InputError naming the file. A file called .json has to be JSON, of which YAML takes nearly all.
    """
    content = content_of(path, format_tag, MAX_BYTES)
    is_json = path.suffix.lower() == ".json"
    try:
        text = content.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_each_once) if is_json else _of_yaml(text)
        if is_json and _depth(document) > MAX_DEPTH:
            raise RecursionError(f"nested more than {MAX_DEPTH} deep")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; a {format_tag} document in YAML or JSON is expected") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        what = " ".join(str(error).split())[:MAX_SAID]
        raise InputError(f"{path}: is not valid {'JSON' if is_json else 'YAML'}: {what}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: holds no mapping; a {format_tag} document is expected")
    found = document.pop("format", None)
    if found != format_tag:
        raise InputError(f"{path}: format: must be {format_tag!r}" + (f", got {quote(found)}" if found else ""))
    return document


def _of_yaml(text: str) -> Any:
    """What a YAML text holds, built as its parts come: what could grow, or run code, is refused where it begins.

    Raises YAMLError for aliases, tags, deep nesting, too many parts and keys that stand twice, and ValueError.
    """
    if len(_DIRECTIVE.findall(text)) > _MAX_DIRECTIVES:
        raise yaml.YAMLError(f"more than {_MAX_DIRECTIVES} lines begin with %")
    plain: dict[str, Any] = {}  # words and numbers met before: most are met again
    inside: list[Any] = [[]]  # the containers around what comes next; the outermost holds documents
    keys: list[Any] = [_NO_KEY]  # of each of these, the key whose value comes next
    for number, event in enumerate(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))):
        if isinstance(event, yaml.CollectionEndEvent):
            inside.pop()
            keys.pop()
        if not isinstance(event, yaml.NodeEvent):
            continue
        line = event.start_mark.line + 1  # type: ignore[union-attr]
        value = _begun(event, plain, line)
        around = inside[-1]
        if isinstance(around, list):
            around.append(value)
        elif keys[-1] is not _NO_KEY:
            around[keys[-1]] = value
            keys[-1] = _NO_KEY
        elif isinstance(value, list | dict):
            raise yaml.YAMLError(f"line {line}: a key has to be a word or a number")
        elif value in around:
            raise yaml.YAMLError(f"the key {quote(value)} stands twice, again in line {line}")
        else:
            keys[-1] = value
        if isinstance(value, list | dict):
            inside.append(value)
            keys.append(_NO_KEY)
        if len(inside) > MAX_DEPTH + 1:
            raise yaml.YAMLError(f"line {line}: nested more than {MAX_DEPTH} deep")
        if number > MAX_PARTS:
            raise yaml.YAMLError(f"line {line}: more than {MAX_PARTS} words, lists and mappings so far")
        if len(inside[0]) > 1:
            raise yaml.YAMLError(f"line {line}: a second document begins; one is accepted")
    return inside[0][0] if inside[0] else None


def _begun(event: Any, plain: dict[str, Any], line: int) -> Any:
    """What an event stands for: an empty container, a word or a number; `plain` keeps those without quotes."""
    if isinstance(event, yaml.AliasEvent):
        raise yaml.YAMLError(f"line {line}: aliases (*name) are not accepted")
    if event.tag not in (None, "!"):
        raise yaml.YAMLError(f"line {line}: tags ({quote(event.tag)}) are not accepted")
    if not isinstance(event, yaml.ScalarEvent):
        return [] if isinstance(event, yaml.SequenceStartEvent) else {}
    if not event.implicit[0]:
        return event.value
    if event.value not in plain:
        plain[event.value] = _scalars().plain(event.value)
    return plain[event.value]


@lru_cache(maxsize=1)
def _scalars() -> Any:
    class Scalars(yaml.SafeLoader):
        """The words and numbers of YAML 1.1, and 1e-3, which it takes for a word."""

        def plain(self, text: str) -> Any:
            """What a word without quotes stands for."""
            node = yaml.ScalarNode(self.resolve(yaml.ScalarNode, text, (True, False)), text)  # type: ignore[no-untyped-call]
            return self.construct_object(node)

    Scalars.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
    )
    return Scalars("")


def read_json(path: Path, format_tag: str, max_bytes: int) -> dict[str, Any]:
    """The mapping in a JSON document of up to `max_bytes` that carries `"format": format_tag`.

    Raises InputError naming the file, as `parse_json` does.
    """
    return parse_json(content_of(path, format_tag, max_bytes), str(path), format_tag)


def parse_json(content: bytes, source: str, format_tag: str) -> dict[str, Any]:
    """The mapping in the bytes of a JSON document that carries `"format": format_tag`.

    Numbers that JSON does not know, and integers of more than 18 digits, come out as floats, which a document's fields
    for integers refuse, with their key. Raises InputError that begins with `source`.
    """
    nodes = sum(content.count(sign) for sign in (b"[", b"{", b":"))
    if nodes > MAX_NODES:
        raise InputError(f"{source}: {nodes} lists, mappings and keys; {format_tag} files go up to {MAX_NODES}")
    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_keys_once, parse_int=_integer)
        deep = _depth(document) > MAX_DEPTH
    except UnicodeDecodeError:
        raise InputError(f"{source}: is not UTF-8 text; a {format_tag} document in JSON is expected") from None
    except RecursionError:
        deep = True
    except ValueError as error:
        raise InputError(f"{source}: is not valid JSON: {' '.join(str(error).split())}") from None
    if deep:
        raise InputError(f"{source}: is not valid: nested more than {MAX_DEPTH} deep")
    if not isinstance(document, dict):
        raise InputError(f"{source}: holds no mapping; a {format_tag} document is expected")
    if document.get("format") != format_tag:
        raise InputError(f"{source}: format: must be {format_tag!r}")
    return document


def content_of(path: Path, format_tag: str, max_bytes: int) -> bytes:
    """All bytes of an ordinary file; one that is too large is not read. Raises InputError, naming the file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
            raise InputError(f"{path}: is {what}; give the name of a {format_tag} file")
        size = status.st_size
        if size > max_bytes:
            raise InputError(f"{path}: {size} bytes; {format_tag} files go up to {max_bytes}")
        with path.open("rb") as file:
            content = file.read(size + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(path)!r}: cannot be read: {error}") from None
    if len(content) > size:
        raise InputError(f"{path}: grew while it was read; read it once it is whole")
    return content


def _keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_FIELDS:
        most = MAX_KEYS if all(isinstance(value, dict) for _, value in pairs) else MAX_FIELDS
        if len(pairs) > most:
            raise InputError(f"a mapping of {len(pairs)} keys; up to {most} are accepted")
    return _each_once(pairs)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = sorted(key for key, _ in pairs)
        twice = next(key for key, other in pairwise(keys) if key == other)
        raise InputError(f"the key {quote(twice)} stands twice")
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 18 else float(digits)


def _depth(document: Any) -> int:
    """How deep lists and mappings are nested."""
    depth, level = 0, [document] if isinstance(document, dict | list) else []
    while level:
        depth += 1
        values = (value for inside in level for value in (inside.values() if isinstance(inside, dict) else inside))
        level = [value for value in values if isinstance(value, dict | list)]
    return depth


def quote(value: Any) -> str:
    """A value as an error repeats it: not more than a line of it."""
    text = repr(value)
    return text if len(text) <= MAX_QUOTE else f"{text[: MAX_QUOTE - 3]}..."


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> Any:
    return TypeAdapter(kind)


def validate(kind: type[T], document: Any, where: str) -> T:
    """An instance of `kind` from a document; `where` names it in errors.

    Types are strict as in JSON: true is no number, and neither is "8".
    """
    try:
        text = json.dumps(document, default=plain)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: is no document: {error}") from None
    try:
        return cast(T, _adapter(cast(Hashable, kind)).validate_json(text, strict=True))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(" ".join(f"{where}: {_explain(kind, first)}".split())) from None


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays and ranges as plain ones, everything else JSON does not know as text."""
    if isinstance(value, range):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)


def dump(value: Any) -> Any:
    """The plain mapping a dataclass of ours was made from."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")


def _explain(kind: Any, error: Any) -> str:
    location = [part for part in error["loc"] if not str(part).startswith(("constrained-", "literal[", "choice["))]
    key = ".".join(str(part) if len(str(part)) <= MAX_QUOTE else quote(part) for part in location)
    message = error["msg"].removeprefix("Value error, ")
    message = message if len(message) <= MAX_SAID else f"{message[: MAX_SAID - 3]}..."
    if error["type"] == "unexpected_keyword_argument":
        accepted = _keys_at(kind, location[:-1])
        message = "unknown key" + (f"; accepted: {', '.join(accepted)}" if accepted else "")
    elif error["type"] != "missing" and not isinstance(error["input"], dict | list):
        message += f", got {quote(error['input'])}"
    return f"{key}: {message}" if key else message


def _keys_at(kind: Any, location: list[Any]) -> tuple[str, ...]:
    for part in location:
        kind = _inside(kind, part)
    while kind is not None and not is_dataclass(kind):
        options = get_args(kind)
        kind = next((option for option in options if is_dataclass(option)), options[0] if options else None)
    # a field called after a word of Python's has a line after it
    return tuple(f.name.rstrip("_") for f in fields(kind)) if kind else ()


def _inside(kind: Any, part: Any) -> Any:
    """The type of what stands at `part` (a key, an index, or a layer's type) in a value of type `kind`, or None."""
    if is_dataclass(kind):
        return get_type_hints(kind).get(str(part))
    options = get_args(kind)
    if get_origin(kind) in (dict, Mapping):
        return options[1]
    if get_origin(kind) is tuple:
        return options[0]
    tagged = (option for option in options if getattr(option, "type", None) == part)
    nested = (found for option in options if (found := _inside(option, part)) is not None)
    return next(tagged, None) or next(nested, None)


def settings_of(given: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """What `set` says, by path; raises InputError for what is no mapping from paths."""
    if given is not None and not (isinstance(given, Mapping) and all(isinstance(path, str) for path in given)):
        raise InputError(f'{where}: set={quote(given)}: give values by path, as in {{"array.rows": 16}}')
    return dict(given or {})


def set_path(document: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set `document["a"]["b"]` for the path "a.b"; the parents have to be there.

    An element of a list is named by its `name`, or by its number.
    """
    *parents, last = path.split(".")
    place: Any = document
    listed = False  # below an element of a list, which may leave out what the document says for all
    for done, parent in enumerate(parents):
        inside = _elements(place)
        if listed and isinstance(place, dict) and inside.get(parent) is None:
            place[parent] = inside[parent] = {}
        if parent not in inside:
            accepted = ", ".join(inside) or "nothing below it"
            raise InputError(f"{where}: --set {path}: no {'.'.join(parents[: done + 1])!r}; accepted here: {accepted}")
        listed = listed or isinstance(place, list | tuple)
        place = inside[parent]
    if not isinstance(place, dict):
        raise InputError(f"{where}: --set {path}: {'.'.join(parents)!r} has no fields")
    place[last] = value


def _elements(place: Any) -> dict[str, Any]:
    """What is below a mapping by key, or below a list by name or number."""
    if isinstance(place, Mapping):
        return dict(place)
    if not isinstance(place, list | tuple):
        return {}
    found = {str(number): element for number, element in enumerate(place)}
    named = {str(element["name"]): element for element in place if isinstance(element, dict) and "name" in element}
    return found | named
