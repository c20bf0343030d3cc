"""SudoPolicy allows everything; it serves where a list needs one policy."""

from agent.domain.units import Address

ADDRESS = Address.parse("0x0000000000FEEc8D74e3143fBaBbca515358d869")
