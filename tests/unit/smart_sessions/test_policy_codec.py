from random import Random

import pytest

from agent.domain.session import PolicyData
from agent.domain.units import Address, Timestamp
from agent.smart_sessions.policies import UnknownPolicy, sudo, time_frame, usage_limit
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policy_codec import SUDO, policy_config, policy_data
from tests.parity.dice import a_config


@pytest.mark.parametrize("seed", range(60))
def test_policy_says_what_it_was_made_of(seed: int) -> None:
    config = a_config(Random(seed))
    assert policy_config(policy_data(config)) == config


def test_earlier_time_frame_is_read_in_its_own_encoding() -> None:
    frame = TimeFrame(Timestamp(5), Timestamp(9))
    earlier = PolicyData(time_frame.LEGACY_ADDRESS, time_frame.encode_legacy(frame))
    assert policy_config(earlier) == frame


@pytest.mark.parametrize("data", [SUDO, PolicyData(sudo.LEGACY_ADDRESS, b"")])
def test_sudo_says_nothing(data: PolicyData) -> None:
    assert policy_config(data) is None


def test_unknown_policy_is_refused() -> None:
    with pytest.raises(UnknownPolicy):
        policy_config(PolicyData(Address(b"\x01" * 20), b""))


def test_bytes_that_say_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        policy_config(PolicyData(usage_limit.ADDRESS, b"\x01"))


def test_useless_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match="usage limit 0"):
        policy_data(UsageLimit(0))
