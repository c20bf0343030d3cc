"""An explicit-state model of "never twice, never lost", over the agent's own table and rules.

One lane of one account is explored with everything that the workers, the network, the chain and people can
do to it. Each journal write goes through `agent.domain.journal_step`, each look at the chain through
`agent.pipeline.confirm.judge`, each sequence through `agent.pipeline.sequence.next_sequence`, each next
attempt through `agent.pipeline.settle.after_the_end`, each decision of a person through
`agent.commands.runs_resolve.check`, each new journal through `agent.worker.enrol.first_cursor`. What they
answer is remembered, never guessed: a mistake in them is found here. What awaits ports cannot be asked that
way: the order of `agent.pipeline.rebuild` and `agent.pipeline.doubt` is restated in `tests.model.rebuild`.

Nothing that can go wrong is counted: crashes, lost journals, old copies put back, reorgs of what is not
final, stale or wrong looks at what is not final, dropped, delayed and doubled messages, reverts, raises and
cancels happen any number of times, in any order. What keeps the model finite is named in `Bounds`, and a
step that a bound cuts off is counted and printed.

Assumed, as docs/exactly-once.md does: what is final stays final; one look reads finality and logs of nodes
that agree; the key is no one else's, but for the nonces counted by `Bounds.aliens`; a person who decides has
looked at the account's final payments and tells the truth.

Reductions, and why they lose nothing:

- **One lane stands for many.** Lanes share only the crash of a worker, the loss of the journal and the order
  of blocks, and here each of these may strike a lane at any moment. So whatever two lanes do together, each
  of them does alone as well, and a property of each lane holds for all. Success composes too: the steps that
  lead to it need no fault, and finality, the one step that moves the other lane, leads only to states from
  which that lane reaches success as well. `tests.model.pair` explores two lanes on one chain and checks just
  this.
- **Lanes are alike**, and so are workers: a state and its mirror image are one.
- **A message is a fact, not a queue.** Bytes that left once may be included at any later moment, or never,
  and again after a reorg: a send that is swallowed before or after it is forwarded, delayed or doubled is
  all of that. Success is never counted on a message that was sent before: only a send whose bytes are
  included right away is a step towards it.
- **Hashes signed for one occurrence and nonce are alike** when both pay or both cancel, the journal knows
  both or neither, and both left: any of them may take the nonce, and no rule tells them apart. One that has
  not left, beside one that has, is taken for one that has: that only adds behaviour. So raises need no bound.
- **A write on an old version is nothing.** The journal compares and sets, so a worker whose occurrence
  changed since it looked is refused and looks again: such a pending write is dropped with the change.
- **What is over is forgotten**: an operation whose sequence is used at a final block can never land, and a
  closed occurrence keeps its end alone.
- **Looking and writing in one step** is explored with more slots than looking first and writing later. It
  loses nothing but races between workers, which the other explorations have.
"""
