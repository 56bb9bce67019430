"""What a person allows the apps of a project. Pure."""

from dataclasses import dataclass

from appx.domain.ids import ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """For all apps of the project together, in a day of UTC: US dollars, tokens of all kinds. None: no limit."""

    day_cost: float | None = None
    day_tokens: int | None = None

    @property
    def bounds(self) -> bool:
        return self.day_cost is not None or self.day_tokens is not None


NO_BUDGET = Budget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """``models``: the names, provider/model, of those that apps may ask; None: all. ``has_token``: one was made."""

    project: ProjectId
    enabled: bool = False
    models: tuple[str, ...] | None = None
    budget: Budget = NO_BUDGET
    has_token: bool = False

    def allows(self, name: str) -> bool:
        return self.models is None or name in self.models
