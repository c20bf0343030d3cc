"""Files of `jobs/`: one job, or a template with one job per row."""

from typing import Any

from pydantic import Field

from agent.definitions.config import FeeFields
from agent.definitions.fields import IdField, NamesField, ReferenceField
from agent.definitions.schedules import ScheduleFields
from agent.definitions.validation import Fields
from agent.domain.job import SendBy
from agent.domain.schedule import CatchUp
from jobs.fields import AddressField, DurationField, IntegerField


class PartyFields(Fields):
    """What tells one job of a template from another; a row gives these, or the template does for all."""

    id: IdField = Field(description="Name of the job; in a row, what follows the template's name.")
    account: AddressField = Field(description="The account that pays, quoted, with its checksum.")
    session: IdField | None = Field(None, description="Name of the session in sessions/ to sign under.")
    sessions: NamesField = Field(
        (), description="In place of session: several of the account; the cheapest that can pay signs."
    )
    reference: ReferenceField = Field("", description="What your books call this job.")
    lane: IntegerField | None = Field(
        None, description="Nonce lane; only when the derived lanes of two jobs collide."
    )


class TemplateFields(Fields):
    """What a template has of its own."""

    id: IdField = Field(description="Name of the template; its jobs are called NAME-ROW.")


class TermFields(Fields):
    """What the jobs of a template have in common."""

    kind: str = Field(description="What the job does, such as subscription.")
    chain: IntegerField = Field(description="Id of the chain it works on.")
    schedule: ScheduleFields | None = Field(None, description="When it is due.")
    fees: FeeFields = Field(default=FeeFields(), description="Caps of its own; else the chain's.")
    pay_gas_by: NamesField = Field(
        (), description="Who pays for gas, the first that can: [sponsor, self]; else the chain's order."
    )
    send_by: SendBy = Field(
        SendBy.PUBLIC, description="private: through the chain's private_bundler and no other."
    )
    grace: DurationField = Field("1d", validate_default=True, description="How late it may still start: 3d.")
    retry: tuple[DurationField, ...] = Field(
        (), description="Waiting times after failed attempts: [1h, 6h, 1d]; none left means failed."
    )
    catch_up: CatchUp = Field(
        CatchUp.NONE, description="After downtime: run the latest missed slot, or none."
    )
    rows: str | None = Field(None, description="A .csv or .jsonl file beside this one: one job per row.")


class JobFields(PartyFields, TermFields):
    """One job file."""

    spec: dict[str, Any] = Field(description="The fields of the kind.")


PARTY = frozenset(PartyFields.model_fields)
"""Keys that a row may give; any others are fields of the spec."""
