// The Node stack building, hashing and signing operations; one JSON command a line, one JSON answer a line.
//
//   {"load": {"key": "0x…", "orders": [...]}}   keep these orders
//   {"build": true}                             answer what was built of each
//   {"time": true}                              build all of them once, answer the CPU time in microseconds
//   {"recover": true}                           recover the signer of each, answer the CPU time

import { createInterface } from 'node:readline'
import { encodeSmartSessionSignature, SmartSessionMode } from '@rhinestone/module-sdk'
import { encode7579Calls } from 'permissionless/utils'
import { encodeFunctionData, erc20Abi, recoverAddress } from 'viem'
import { formatUserOperationRequest, getUserOperationHash } from 'viem/account-abstraction'
import { privateKeyToAccount } from 'viem/accounts'

let signer
let orders = []
let built = []

const parsed = (order) => ({
  ...order,
  nonce: (BigInt(order.nonce_key) << 64n) | BigInt(order.sequence),
  transfers: order.transfers?.map(({ token, to, amount }) => ({ token, to, amount: BigInt(amount) })),
  calls: order.calls?.map(({ to, value, data }) => ({ to, value: BigInt(value), data })),
  gas: Object.fromEntries(Object.entries(order.gas).map(([name, amount]) => [name, BigInt(amount)])),
  payer: order.payer && {
    ...order.payer,
    paymasterVerificationGasLimit: BigInt(order.payer.paymasterVerificationGasLimit),
    paymasterPostOpGasLimit: BigInt(order.payer.paymasterPostOpGasLimit),
  },
})

const transfer = ({ token, to, amount }) => ({
  to: token,
  value: 0n,
  data: encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amount] }),
})

async function build(order) {
  const calls = order.calls ?? order.transfers.map(transfer)
  // permissionless writes the try mode for revertOnError true: false is the mode that reverts.
  const mode = { type: calls.length > 1 ? 'batchcall' : 'call', revertOnError: false }
  const callData = encode7579Calls({ mode, callData: calls })
  const userOperation = {
    sender: order.sender,
    nonce: order.nonce,
    callData,
    ...order.gas,
    ...order.deployment,
    ...order.payer,
  }
  const hash = getUserOperationHash({
    chainId: order.chain_id,
    entryPointAddress: order.entry_point,
    entryPointVersion: '0.7',
    userOperation,
  })
  const signature = encodeSmartSessionSignature({
    mode: SmartSessionMode.USE,
    permissionId: order.permission_id,
    signature: await signer.sign({ hash }),
  })
  return { hash, userOperation: { ...userOperation, signature } }
}

async function timed(work) {
  const start = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(start)
  return { cpu_us: user + system }
}

async function buildAll() {
  for (const order of orders) await build(order)
}

async function recoverAll() {
  for (const { hash, userOperation } of built) {
    const address = await recoverAddress({ hash, signature: `0x${userOperation.signature.slice(68)}` })
    if (address !== signer.address) throw new Error(`recovered ${address}`)
  }
}

async function answer(command) {
  if (command.load) {
    signer = privateKeyToAccount(command.load.key)
    orders = command.load.orders.map(parsed)
    return { loaded: orders.length }
  }
  if (command.time) return timed(buildAll)
  if (command.recover) return timed(recoverAll)
  built = []
  for (const order of orders) built.push(await build(order))
  return built.map(({ hash, userOperation }) => ({ hash, operation: formatUserOperationRequest(userOperation) }))
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
}
