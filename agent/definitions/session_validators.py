"""The session validators at hand: the agent's own, and those that other packages bring."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from agent.domain.errors import ConfigError
from agent.domain.session import Session
from agent.domain.units import Address
from agent.smart_sessions.owners import ENTRY_POINT_GROUP, VALIDATORS, SessionOwner, SessionValidator


@cache
def available_validators() -> Mapping[Address, SessionValidator]:
    """Return the validators by address; raise ConfigError when a package brings one taken or misnamed."""
    validators = {validator.address: validator for validator in VALIDATORS}
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        validator: SessionValidator = entry_point.load()
        names = {known.name for known in validators.values()}
        if validator.name != entry_point.name or validator.name in names:
            raise ConfigError(f"the session validator {entry_point.value} cannot be {entry_point.name!r}")
        if validator.address in validators:
            raise ConfigError(f"the session validator {validator.name} takes {validator.address} again")
        validators[validator.address] = validator
    return validators


def owner_of(session: Session) -> SessionOwner:
    """Return who must sign under the session; raise ValueError when that is nobody the agent can sign for."""
    validator = available_validators().get(session.session_validator)
    if validator is None:
        raise ValueError(f"session validator {session.session_validator} is not one the agent can sign for")
    return validator.owner(session.session_validator_init_data)
