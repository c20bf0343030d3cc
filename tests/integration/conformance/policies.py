"""A policy of the session says no."""

from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.session import ActionData, PolicyData
from agent.domain.units import Address, Wei
from agent.smart_sessions.addresses import (
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    PSEUDO_TARGET,
    SMART_SESSION,
)
from agent.smart_sessions.ids import action_config_id, action_id, user_op_config_id
from tests.integration.conformance.row import Case, Rows, check_reverted, error, failed_op, violation
from tests.integration.policies import (
    ARG,
    AT_MOST,
    EQUAL,
    SIMPLE_GAS,
    SPENDING,
    UNI_ACTION,
    USAGE,
    VALUE,
    WHITELIST,
    arg,
    or_node,
    rule,
    rule_node,
    simple_gas,
    spending,
    sudo,
    time_frame,
    transfers,
    uni_action,
    usage,
    value,
    whitelist,
)
from tests.integration.scenes import PAYEE, TRANSFER, Scene, a_scene, include, transfer_data

ROWS = Rows()
HOUR = 3600
OTHER_TOKEN = Address(bytes(19) + b"\x77")
RECIPIENT = int.from_bytes(PAYEE, "big")


async def a_payer(devnet: Devnet, *policies: PolicyData) -> Scene:
    """Make a scene whose key may transfer USDC under these policies."""
    return await a_scene(devnet, [transfers(devnet, *policies)])


async def a_giver(devnet: Devnet, *policies: PolicyData) -> Scene:
    """Make a scene whose key may send ether to the payee under these policies."""
    return await a_scene(devnet, [ActionData(NATIVE_TRANSFER_SELECTOR, PAYEE, policies)])


def gift(amount_wei: int) -> Call:
    return Call(PAYEE, Wei(amount_wei), b"")


def config_id(scene: Scene) -> bytes:
    """Return the config id of the USDC transfer action."""
    action = action_id(scene.devnet.usdc, TRANSFER)
    return action_config_id(scene.account.address, scene.permission_id, action)


def not_initialized(scene: Scene, config: bytes) -> bytes:
    types = ["bytes32", "address", "address"]
    return error("PolicyNotInitialized", types, config, SMART_SESSION, scene.account.address)


@ROWS.row
async def spending_over_the_limit(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, spending(devnet.usdc, 100))
    return [await scene.op([scene.transfer(101)])], violation(scene, SPENDING)


@ROWS.row
async def spending_over_what_an_earlier_operation_left(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, spending(devnet.usdc, 100))
    await include(devnet, [await scene.op([scene.transfer(60)])])
    return [await scene.op([scene.transfer(41)])], violation(scene, SPENDING)


@ROWS.row
async def sum_of_a_batch_over_the_spending_limit(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, spending(devnet.usdc, 100))
    return [await scene.op([scene.transfer(60), scene.transfer(41)])], violation(scene, SPENDING)


@ROWS.row
async def second_operation_of_a_bundle_over_the_spending_limit(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, spending(devnet.usdc, 100))
    ops = [await scene.op([scene.transfer(60)], lane=1), await scene.op([scene.transfer(41)], lane=2)]
    return ops, violation(scene, SPENDING, op_index=1)


@ROWS.row
async def value_in_a_token_transfer(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, spending(devnet.usdc, 100))
    call = Call(devnet.usdc, Wei(1), transfer_data(PAYEE, 1))
    return [await scene.op([call])], violation(scene, SPENDING)


@ROWS.row
async def transfer_of_a_token_that_is_not_listed(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [ActionData(TRANSFER, OTHER_TOKEN, (spending(devnet.usdc, 100),))])
    call = Call(OTHER_TOKEN, Wei(0), transfer_data(PAYEE, 1))
    return [await scene.op([call])], violation(scene, SPENDING)


@ROWS.row
async def usage_limit_used_up(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, usage(1))
    await include(devnet, [await scene.op([scene.transfer(1)])])
    return [await scene.op([scene.transfer(1)])], violation(scene, USAGE)


@ROWS.row
async def more_calls_in_a_batch_than_uses_left(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, usage(2))
    return [await scene.op([scene.transfer(1)] * 3)], violation(scene, USAGE)


@ROWS.row
async def more_operations_than_the_sessions_usage_limit(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [usage(1)])
    await include(devnet, [await scene.op([scene.transfer(1)] * 3)])
    return [await scene.op([scene.transfer(1)])], violation(scene, USAGE)


@ROWS.row
async def value_over_what_an_earlier_operation_left(devnet: Devnet) -> Case:
    scene = await a_giver(devnet, value(100))
    await include(devnet, [await scene.op([gift(60)])])
    return [await scene.op([gift(41)])], violation(scene, VALUE)


@ROWS.row
async def value_of_a_batch_over_the_sessions_limit(devnet: Devnet) -> Case:
    action = ActionData(NATIVE_TRANSFER_SELECTOR, PAYEE, (sudo(),))
    scene = await a_scene(devnet, [action], [value(100)])
    return [await scene.op([gift(60), gift(41)])], violation(scene, VALUE)


@ROWS.row
async def declared_gas_over_the_budget(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [simple_gas(2_479_999)])
    return [await scene.op([scene.transfer(1)])], violation(scene, SIMPLE_GAS)


@ROWS.row
async def declared_cost_over_the_budget(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [simple_gas(10**9, cost_limit_wei=10**9)])
    return [await scene.op([scene.transfer(1)])], violation(scene, SIMPLE_GAS)


@ROWS.row
async def argument_that_a_rule_forbids(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, uni_action(rule(EQUAL, 0, RECIPIENT)))
    call = scene.transfer(1, to=scene.account.address)
    return [await scene.op([call])], violation(scene, UNI_ACTION)


@ROWS.row
async def argument_over_what_an_earlier_operation_left(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, uni_action(rule(5, 32, 0, limit=100)))
    await include(devnet, [await scene.op([scene.transfer(60)])])
    return [await scene.op([scene.transfer(41)])], violation(scene, UNI_ACTION)


@ROWS.row
async def value_over_the_limit_per_use(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, uni_action(rule(EQUAL, 0, RECIPIENT), value_limit_wei=5))
    call = Call(devnet.usdc, Wei(6), transfer_data(PAYEE, 1))
    types = ["bytes32", "uint256", "uint256"]
    reason = error("ValueLimitExceeded", types, config_id(scene), 6, 5)
    return [await scene.op([call])], check_reverted(reason)


@ROWS.row
async def call_data_too_short_for_a_rule(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, uni_action(rule(EQUAL, 32, 1)))
    call = Call(devnet.usdc, Wei(0), transfer_data(PAYEE, 1)[:-1])
    return [await scene.op([call])], check_reverted(b"")


@ROWS.row
async def rules_without_a_rule(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, uni_action())
    reason = not_initialized(scene, config_id(scene))
    return [await scene.op([scene.transfer(1)])], check_reverted(reason)


@ROWS.row
async def arguments_that_make_the_tree_false(devnet: Devnet) -> Case:
    # To the payee whatever amount, to anybody else at most 10.
    rules = rule(EQUAL, 0, RECIPIENT), rule(AT_MOST, 32, 10)
    nodes = [rule_node(0), rule_node(1), or_node(0, 1)]
    scene = await a_payer(devnet, arg(*rules, nodes=nodes))
    await include(devnet, [await scene.op([scene.transfer(11), scene.transfer(10, to=OTHER_TOKEN)])])
    return [await scene.op([scene.transfer(11, to=OTHER_TOKEN)])], violation(scene, ARG)


@ROWS.row
async def argument_of_a_tree_over_what_an_earlier_operation_left(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, arg(rule(AT_MOST, 32, 100, limit=100), nodes=[rule_node(0)]))
    await include(devnet, [await scene.op([scene.transfer(60)])])
    return [await scene.op([scene.transfer(41)])], violation(scene, ARG)


@ROWS.row
async def value_over_the_limit_per_use_of_a_tree(devnet: Devnet) -> Case:
    rules = arg(rule(EQUAL, 0, RECIPIENT), nodes=[rule_node(0)], value_limit_wei=5)
    scene = await a_payer(devnet, rules)
    call = Call(devnet.usdc, Wei(6), transfer_data(PAYEE, 1))
    types = ["bytes32", "uint256", "uint256"]
    reason = error("ValueLimitExceeded", types, config_id(scene), 6, 5)
    return [await scene.op([call])], check_reverted(reason)


@ROWS.row
async def call_data_too_short_for_a_tree(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, arg(rule(EQUAL, 32, 1), nodes=[rule_node(0)]))
    call = Call(devnet.usdc, Wei(0), transfer_data(PAYEE, 1)[:-1])
    return [await scene.op([call])], check_reverted(b"")


@ROWS.row
async def tree_without_a_rule(devnet: Devnet) -> Case:
    scene = await a_payer(devnet, arg(nodes=[or_node(0, 0)]))
    reason = not_initialized(scene, config_id(scene))
    return [await scene.op([scene.transfer(1)])], check_reverted(reason)


@ROWS.row
async def contract_that_is_not_on_the_whitelist(devnet: Devnet) -> Case:
    anything = ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, (whitelist(devnet.usdc),))
    scene = await a_scene(devnet, [anything])
    await include(devnet, [await scene.op([scene.transfer(1)])])
    return [await scene.op([gift(1)])], violation(scene, WHITELIST)


@ROWS.row
async def time_frame_without_a_bound(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [time_frame(0, 0)])
    reason = not_initialized(scene, user_op_config_id(scene.account.address, scene.permission_id))
    return [await scene.op([scene.transfer(1)])], check_reverted(reason)


@ROWS.row
async def session_expired(devnet: Devnet) -> Case:
    now = await chain.block_time(devnet)
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [time_frame(now - HOUR, 0)])
    return [await scene.op([scene.transfer(1)])], failed_op("AA22 expired or not due")


@ROWS.row
async def session_not_yet_valid(devnet: Devnet) -> Case:
    now = await chain.block_time(devnet)
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [time_frame(0, now + HOUR)])
    return [await scene.op([scene.transfer(1)])], failed_op("AA22 expired or not due")


@ROWS.row
async def action_expired(devnet: Devnet) -> Case:
    now = await chain.block_time(devnet)
    scene = await a_payer(devnet, time_frame(now - HOUR, 0))
    return [await scene.op([scene.transfer(1)])], failed_op("AA22 expired or not due")


@ROWS.row
async def action_not_yet_valid(devnet: Devnet) -> Case:
    now = await chain.block_time(devnet)
    scene = await a_payer(devnet, time_frame(now + 2 * HOUR, now + HOUR))
    return [await scene.op([scene.transfer(1)])], failed_op("AA22 expired or not due")
