"""Parameters of a family: declared as a strict model, refused with what would do."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from sluice.errors import ConfigError


class Parameters(BaseModel):
    """Base of every family's parameters; a mistyped one never falls back to its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def parse(cls, family: str, given: Mapping[str, Any]) -> Self:
        """The parameters, defaults filled in.

        Raises:
            ConfigError: an unknown name (the message lists those there are), a wrong type or size.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            problems = [
                cls._explain(problem) for problem in error.errors(include_url=False)
            ]
            raise ConfigError(f"parameters of {family}: " + "; ".join(problems)) from error

    @classmethod
    def _explain(cls, problem: Any) -> str:
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            return f"there is no {name!r}; there are: {', '.join(cls.model_fields)}"
        return f"{name} = {problem['input']!r}: {problem['msg']}"
