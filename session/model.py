"""What the models of the contract share: frozen, strict, closed; and the types of their values."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from . import shorthand

Text = Annotated[str, AfterValidator(shorthand.plain_text)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
Inputs = Annotated[tuple[Annotated[str, AfterValidator(shorthand.input_path)], ...], Field(strict=False)]
Caches = Annotated[tuple[Annotated[str, AfterValidator(shorthand.cache_path)], ...], Field(strict=False)]
Artifacts = Annotated[tuple[Annotated[str, AfterValidator(shorthand.artifact_path)], ...], Field(strict=False)]
Argv = Annotated[
    tuple[str, ...], Field(strict=False), AfterValidator(shorthand.command), BeforeValidator(shorthand.words)
]
Data = Annotated[dict[str, Any], AfterValidator(shorthand.plain_data)]
Seconds = Annotated[float, Field(gt=0, le=shorthand.MAX_SECONDS), BeforeValidator(shorthand.seconds)]
Bytes = Annotated[int, Field(ge=1_000_000, le=10**18), BeforeValidator(shorthand.size)]
Memory = Annotated[int | float, BeforeValidator(shorthand.memory), AfterValidator(shorthand.enough_memory)]
Count = Annotated[int, Field(ge=16, le=10**9)]
Gpus = Annotated[Literal["none", "all"] | tuple[int, ...], BeforeValidator(shorthand.gpus)]
Bounds = Annotated[tuple[float, float], Field(strict=False), BeforeValidator(shorthand.pair)]
Name = Annotated[str, AfterValidator(shorthand.metric_name)]
Variable = Annotated[str, AfterValidator(shorthand.variable)]
Variables = Annotated[tuple[Variable, ...], Field(strict=False)]
Value = Annotated[str | None, AfterValidator(shorthand.variable_value)]
Ratio = Annotated[float, Field(gt=0)]


class Model(BaseModel):
    """No unknown key, no number given as text, no change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
