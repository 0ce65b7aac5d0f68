"""What a tool is: a name, strict arguments, and one verb of the loop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from ..session.loop import Call, Loop
from ..session.reply import Reply
from ..session.view import View

Answer = tuple[Reply, View]


class Arguments(BaseModel):
    """Arguments of a tool: flat, strict, and closed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, defer_build=True)


class NoArguments(Arguments):
    """For tools that take none."""


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """One tool.

    Attributes:
        description: What a model reads; its first sentence says what the tool does.
        arguments: Model of the arguments; its field docstrings are the descriptions of the parameters.
        run: Takes the loop, the call and the arguments, and returns the reply with what it was read from.
        fields: Names of `tools.fields` that its replies may carry besides those of every reply.
        read_only: It changes nothing.
        idempotent: The same call again changes nothing more.
    """

    name: str
    description: str
    arguments: type[A]
    run: Callable[[Loop, Call, A], Awaitable[Answer]]
    fields: tuple[str, ...] = ()
    read_only: bool = False
    idempotent: bool = False

    async def call(self, loop: Loop, call: Call, given: dict[str, Any]) -> Answer:
        """Validate the arguments and run the tool.

        Raises:
            pydantic.ValidationError: If the arguments are not of the form that the tool takes.
        """
        return await self.run(loop, call, self.arguments.model_validate(given))


class Listed(Protocol):
    """A tool with its argument model forgotten, as it stands in the table."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def description(self) -> str:
        """What a model reads."""
        ...

    @property
    def arguments(self) -> type[Arguments]:
        """Model of its arguments."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that its replies may carry."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether the same call again changes nothing more."""
        ...

    async def call(self, loop: Loop, call: Call, given: dict[str, Any]) -> Answer:
        """Validate the arguments and run it."""
        ...
