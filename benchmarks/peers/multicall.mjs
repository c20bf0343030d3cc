// viem reading balances through Multicall3; one JSON command a line, one JSON answer a line.
//
//   {"load": {"url": "http://…", "multicall": "0x…", "token": "0x…", "holders": ["0x…"]}}   keep what to read
//   {"read": {"block": "7", "chunk": 500}}   read all at that block, so many a call; answer balances and CPU time

import { createInterface } from 'node:readline'
import { createPublicClient, erc20Abi, http } from 'viem'

let client
let contracts = []
let multicallAddress

function load({ url, multicall, token, holders }) {
  client = createPublicClient({ transport: http(url, { retryCount: 0, timeout: 120_000 }) })
  multicallAddress = multicall
  contracts = holders.map((holder) => ({
    address: token,
    abi: erc20Abi,
    functionName: 'balanceOf',
    args: [holder],
  }))
  return contracts.length
}

async function read({ block, chunk }) {
  const before = process.cpuUsage()
  const balances = []
  for (let start = 0; start < contracts.length; start += chunk) {
    const found = await client.multicall({
      contracts: contracts.slice(start, start + chunk),
      multicallAddress,
      blockNumber: BigInt(block),
      allowFailure: true,
      // In bytes of call data: the chunk alone decides.
      batchSize: 0,
    })
    for (const { result } of found) balances.push(result)
  }
  const { user, system } = process.cpuUsage(before)
  return { cpu_us: user + system, balances: balances.map(String) }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  const answer = command.load ? load(command.load) : await read(command.read)
  process.stdout.write(JSON.stringify(answer) + '\n')
}
