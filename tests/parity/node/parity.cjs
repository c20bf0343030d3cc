// Answers one question a line: calls an export of an SDK and writes what it returned.
//
// In questions and answers "12n" is a bigint and every hex text is lower case. Arguments may hold stand-ins
// for what cannot be written down: {"$client": {…}} and {"$signer": "0xkey"}.
'use strict'

const readline = require('node:readline')
const { custom, encodeFunctionData, parseAbi, toFunctionSelector } = require('viem')
const { privateKeyToAccount } = require('viem/accounts')
const { mainnet } = require('viem/chains')
const { LibZip } = require('solady')
const moduleSdk = require('@rhinestone/module-sdk')
const startale = require('@startale-scs/aa-sdk')

// A client whose chain answers what the question says; without an answer it returns the call data.
function client({ chainId, answers = {} }) {
  return {
    chain: { id: chainId },
    account: { address: '0x' + '11'.repeat(20), type: 'smart', client: { chain: { id: chainId } } },
    readContract: async ({ abi, functionName, args }) =>
      functionName in answers ? answers[functionName] : encodeFunctionData({ abi, functionName, args }),
  }
}

const standIns = { $client: client, $signer: privateKeyToAccount }

function revived(_, value) {
  if (typeof value === 'string' && /^\d+n$/.test(value)) return BigInt(value.slice(0, -1))
  if (value && typeof value === 'object') {
    for (const [name, make] of Object.entries(standIns)) if (name in value) return make(value[name])
  }
  return value
}

function written(_, value) {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'string' && value.startsWith('0x') ? value.toLowerCase() : value
}

// What takes more than one call: the name is the export that does the work.
const composed = {
  'solady LibZip.flzCompress': (data) => LibZip.flzCompress(data),
  '@rhinestone/module-sdk encodeModuleInstallationData': ({ account, module }) =>
    encodeFunctionData({
      abi: parseAbi(['function installModule(uint256,address,bytes)']),
      args: [1n, module.address, moduleSdk.encodeModuleInstallationData({ account, module })],
    }),
  '@startale-scs/aa-sdk toActionConfig': (rules, valueLimit) =>
    moduleSdk.getUniversalActionPolicy(startale.toActionConfig(startale.createActionConfig(rules, valueLimit))),
  '@startale-scs/aa-sdk smartSessionCreateActions': async (chainId, sessionRequestedInfo, paymaster) => {
    const bare = { ...client({ chainId }), paymaster }
    return startale.smartSessionCreateActions()(bare).preparePermission({ sessionRequestedInfo })
  },
  '@startale-scs/aa-sdk toSmartSessionsValidator': async (signer, permissionId, userOpHash) => {
    const account = { address: '0x' + '11'.repeat(20) }
    const moduleData = { permissionIds: [permissionId] }
    return startale.toSmartSessionsValidator({ account, signer, moduleData }).signUserOpHash(userOpHash)
  },
  // Everything of an account that needs no chain: its creation, its lanes, its calls, its owner's signatures.
  '@startale-scs/aa-sdk toStartaleSmartAccount': async ({ owner, lanes = [], calls, typed, domain, ...parameters }) => {
    const keys = []
    const request = async ({ method, params }) => {
      // It has code: otherwise the SDK wraps what the owner signed for an account to come.
      if (method === 'eth_getCode') return '0x00'
      const { data } = params[0]
      if (!data.startsWith(toFunctionSelector('getNonce(address,uint192)'))) return domain
      keys.push('0x' + data.slice(-48))
      return '0x' + '00'.repeat(32)
    }
    const transport = custom({ request })
    const account = await startale.toStartaleSmartAccount({ ...parameters, signer: owner, chain: mainnet, transport })
    for (const lane of lanes) await account.getNonce(lane)
    return {
      initCode: account.getInitCode(),
      keys,
      calls: calls && (await account.encodeCalls(calls)),
      typed: typed && (await account.signTypedData(typed)),
    }
  },
  // The ABI is no export; what becomes of it is seen here alone.
  '@rhinestone/module-sdk setPermit4337Paymaster of the ABI': () => {
    const file = require.resolve('@rhinestone/module-sdk').replace(/index\.js$/, 'module/smart-sessions/abi.js')
    const isIt = ({ type, name }) => type === 'function' && /^setpermit/i.test(name)
    return toFunctionSelector(require(file).abi.find(isIt))
  },
}

function called({ sdk, name, args }) {
  const made = composed[`${sdk} ${name}`]
  if (made) return made(...args)
  const found = require(sdk)[name]
  return typeof found === 'function' ? found(...args) : found
}

function picked(answer, pick) {
  if (!pick) return answer
  if (typeof pick === 'string') return pick.split('.').reduce((value, field) => value[field], answer)
  return pick.map((field) => picked(answer, field))
}

function exportsOf(sdk) {
  return Object.keys(require(sdk)).filter((name) => name !== '__esModule' && name !== 'default').sort()
}

async function answered(line) {
  const question = JSON.parse(line, revived)
  try {
    if (question.exportsOf) return { value: exportsOf(question.exportsOf) }
    return { value: picked(await called(question), question.pick) }
  } catch (error) {
    return { error: String(error.message).split('\n')[0] }
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answered(line), written) + '\n')
  }
}

main()
