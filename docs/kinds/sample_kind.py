"""A kind of one's own: while the account holds more of a token than it needs, some of it goes to savings."""

from pydantic import Field

from agent.domain.evaluation import Act, Delivered, NotDelivered, Skip
from agent.domain.possible_call import PossibleCall, PossibleOperation
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.watching import ON_CHANGE, Glance
from jobs import erc20
from jobs.fields import AddressField, AmountField
from jobs.kind import Kind, Spec, Timing


class SavingsSpec(Spec):
    above: AmountField = Field(description="Save while the account holds more than this: '500 USDC'.")
    amount: AmountField = Field(description="What is saved at a time.")
    to: AddressField = Field(description="Where it goes.")


class Savings(Kind[SavingsSpec]):
    name, spec_model, timing = "savings", SavingsSpec, Timing.TRIGGER

    def objections(self, spec, account):
        sound = spec.amount.token.address is not None and spec.above.token == spec.amount.token
        return {} if sound else {"amount": "write both amounts in one token, not in the chain's coin"}

    def reads(self, spec, account):
        return (erc20.balance_of(spec.amount.token.address, account),)

    watch_reads = reads

    def watch(self, spec, account, view, memory, past):
        held = view.uint(*self.reads(spec, account)) or 0
        return Glance(held > spec.above.base_units, ON_CHANGE, memory, "balance_seen", f"{held} units held")

    def evaluate(self, spec, view, occurrence):
        held = view.uint(*self.reads(spec, occurrence.account)) or 0
        if held <= max(spec.above.base_units, spec.amount.base_units):
            return Skip("nothing_to_save", f"{held} units held")
        call = erc20.transfer(spec.amount.token.address, spec.to, spec.amount.base_units)
        return Act((call,), {"to": str(spec.to), "text": f"save {spec.amount}"})

    def confirm(self, spec, account, logs):
        transfer = (erc20.TRANSFER_EVENT, erc20.word(account), erc20.word(spec.to))
        saved = any((log.address, log.topics) == (spec.amount.token.address, transfer) for log in logs)
        return Delivered() if saved else NotDelivered("no_transfer", "no such transfer in the logs")

    def requirements(self, spec, account, uses):
        token, total = spec.amount.token.address, spec.amount.base_units * uses
        to = ArgumentRule("to", 0, Comparison.EQUAL, int.from_bytes(spec.to, "big"))
        most = ArgumentRule("amount", 32, Comparison.AT_MOST, spec.amount.base_units)
        return (ActionRequirement(token, erc20.TRANSFER, uses, (to, most), erc20.NOTHING, token, total),)

    def possible_operations(self, spec, account, uses):
        call = erc20.transfer(spec.amount.token.address, spec.to, spec.amount.base_units)
        return (PossibleOperation((PossibleCall(call),), uses),)


SAVINGS = Savings()
