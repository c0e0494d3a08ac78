/** Calls the management API over and over, and prints what it saw as JSON. `node bench/api-client.ts '<json>'` */
import { ApiClient, type ApiConnection } from '../src/client/index.ts'
import { generateKeyPair, publicKeyToPem } from '../src/x509/index.ts'
import { cpuSecondsOf } from './support.ts'

export interface ApiLoad {
  readonly connection: ApiConnection
  readonly call:
    | { readonly type: 'login'; readonly user: string; readonly password: string }
    | { readonly type: 'certificate'; readonly user: string }
  readonly clients: number
  readonly warmUpMs: number
  readonly runMs: number
  readonly pids: readonly number[]
}

export interface ApiMeasured {
  readonly calls: number
  readonly seconds: number
  readonly cpuSeconds: number
}

const { connection, call, clients, warmUpMs, runMs, pids } = JSON.parse(
  process.argv[2] ?? '{}',
) as ApiLoad
const { publicKey } = await generateKeyPair()
const key = publicKeyToPem(publicKey)
let calls = 0
let stopped = false

async function repeat(): Promise<void> {
  using client = new ApiClient(connection)
  while (!stopped) {
    if (call.type === 'login') {
      const { user, password } = call
      await client.call('login.create', { body: { user, password, public_key: key } })
    } else {
      const { user: name } = call
      await client.call('users.certificates.create', {
        params: { name },
        body: { public_key: key },
      })
    }
    calls += 1
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const running = Promise.all(Array.from({ length: clients }, repeat))
await Promise.race([running, sleep(warmUpMs)])
const [before, spent, began] = [calls, cpuSecondsOf(pids), performance.now()]
await Promise.race([running, sleep(runMs)])
const measured: ApiMeasured = {
  calls: calls - before,
  seconds: (performance.now() - began) / 1000,
  cpuSeconds: cpuSecondsOf(pids) - spent,
}
stopped = true
await running
process.stdout.write(`${JSON.stringify(measured)}\n`)
