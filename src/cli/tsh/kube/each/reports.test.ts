import { expect, it } from 'vitest'
import type { AccessibleCluster } from '../../../../client/index.ts'
import { kept } from './reports.ts'

const cluster = (name: string): AccessibleCluster => ({
  name,
  server_name: name,
  labels: {},
  online: true,
  kubernetes_users: [],
  kubernetes_groups: [],
})

it('what machines read of many clusters has a limit, and what is cut is said', async () => {
  const reportOf = kept()
  const much = Buffer.alloc(16 * 1024 * 1024, 'x')
  for (let n = 0; n < 16; n += 1) await reportOf(cluster(`c${n}`)).stdout(much)
  const last = reportOf(cluster('last'))
  await last.stderr(Buffer.from('late'))
  expect(await last.end({ kind: 'ran', exitCode: 0, ms: 1 })).toMatchObject({
    stdout: '',
    stderr: '',
    cut: true,
  })
})
