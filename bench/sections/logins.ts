import { join } from 'node:path'
import { readAdminIdentity } from '../../src/client/index.ts'
import type { ApiLoad, ApiMeasured } from '../api-client.ts'
import type { Bench } from '../bench.ts'
import { number } from '../report.ts'
import { median, OTHERS, root, run, untilQuiet } from '../support.ts'

/** What the auth service can do: logins, each with a password that is hashed, and certificates without one. */
export async function logins(bench: Bench): Promise<void> {
  const { parties, report, quick } = bench
  const product = await parties.product('logins')
  const { user, password } = await parties.person(product, 'person')
  const admin = await readAdminIdentity(product.dataDir)
  const stranger = { ...admin, certificate: null, privateKey: null }
  const loads: readonly Pick<ApiLoad, 'connection' | 'call'>[] = [
    { connection: stranger, call: { type: 'login', user, password } },
    { connection: admin, call: { type: 'certificate', user } },
  ]
  await untilQuiet(product.pid)
  const found = loads.map((): ApiMeasured[] => [])
  for (let round = 0; round < (quick ? 1 : 5); round += 1) {
    for (const [index, load] of loads.entries()) {
      const options: ApiLoad = {
        ...load,
        clients: 4,
        warmUpMs: round === 0 ? 3000 : 500,
        runMs: quick ? 2000 : 4000,
        pids: [product.pid],
      }
      const program = join(root, 'bench/api-client.ts')
      const args = ['-c', OTHERS, process.execPath, program, JSON.stringify(options)]
      found[index]?.push(JSON.parse(await run('taskset', args)) as ApiMeasured)
    }
  }
  const row = (what: string, measured: readonly ApiMeasured[] = []): string[] => [
    what,
    number(median(measured.map(({ calls, seconds }) => calls / seconds)), 1),
    number(median(measured.map(({ calls, cpuSeconds }) => calls / cpuSeconds)), 1),
  ]
  report.table(
    ['auth service, four clients', 'per second', 'per second and core'],
    [
      row('logins with a password (argon2id, 19 MiB, 2 passes)', found[0]),
      row('certificates for a user, without a password', found[1]),
    ],
  )
}
