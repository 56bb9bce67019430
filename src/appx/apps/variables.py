"""The variables of apps: stored here, handed to podman as secrets at each start, told nobody else."""

import re
import sqlite3

from appx.apps import rows
from appx.domain.apps import Variable
from appx.domain.errors import Invalid, NotFound
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment
from appx.store.database import Database

MAX_VARIABLES = 100
MAX_VALUE = 64 << 10
"""Bytes."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
OURS = ("PORT", "APPX_ENVIRONMENT")


class Variables:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def names(self, project: ProjectId, environment: Environment) -> list[str]:
        found = await self._database.read(lambda db: rows.variables(db, project, environment))
        return [each.name for each in found]

    async def set(self, project: ProjectId, environment: Environment, variable: Variable) -> None:
        """For the next start of the app. Raises Invalid."""
        _check(variable)

        def put(db: sqlite3.Connection) -> None:
            there = {each.name for each in rows.variables(db, project, environment)}
            if len(there | {variable.name}) > MAX_VARIABLES:
                raise Invalid(f"An environment has at most {MAX_VARIABLES} variables. Remove one first.")
            rows.put_variable(db, project, environment, variable)

        await self._database.write(put)

    async def remove(self, project: ProjectId, environment: Environment, name: str) -> None:
        """From the next start on. Raises NotFound."""
        if not await self._database.write(lambda db: rows.remove_variable(db, project, environment, name)):
            raise NotFound(f"{environment.upper()} has no variable {name[:128]}.")


def _check(variable: Variable) -> None:
    if not NAME.fullmatch(variable.name):
        raise Invalid(f"{variable.name[:128]!r} is no name of a variable: letters, digits and _, no digit first.")
    if variable.name in OURS:
        raise Invalid(f"{variable.name} is set by appx. Choose another name.")
    if "\0" in variable.value:
        raise Invalid("A value cannot contain a zero byte.")
    if len(variable.value.encode()) > MAX_VALUE:
        raise Invalid(f"{variable.name}: a value has at most {MAX_VALUE} bytes.")
