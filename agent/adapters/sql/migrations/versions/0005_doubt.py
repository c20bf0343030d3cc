"""Until when what a lane did cannot be assigned."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("lanes", sa.Column("doubtful_until", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("lanes", "doubtful_until")
