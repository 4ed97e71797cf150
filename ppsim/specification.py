"""What every dataclass that can stand in a document shares."""

from typing import Any, ClassVar


class Specification:
    """A validated value: documents may hold its fields and nothing else, and numbers are finite."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}
