import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { execCredential, ProfileStore } from '../../../client/index.ts'
import { cachedCredential } from './cached-credential.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cached-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

const NOW = Date.now()
const credential = { certificate: 'CERT', privateKey: 'KEY', expiresAtMs: NOW + 3_600_000 }
const save = (user = 'joe', loggedInAtMs = 1): Promise<void> =>
  new ProfileStore(home).save(
    {
      version: 1,
      proxy: 'p:3080',
      user,
      teleport_cluster: 't',
      host_ca: 'CA',
      certificate: user === 'joe' ? credential.certificate : user,
      private_key: credential.privateKey,
      expires_at_ms: credential.expiresAtMs,
      logged_in_at_ms: loggedInAtMs,
      kubeconfigs: [],
    },
    null,
    ['/bin/tsh'],
  )
const printed = (argv: string[], env: Record<string, string> = {}, nowMs = NOW): string | null =>
  cachedCredential(argv, { TELEPORT_HOME: home, ...env }, nowMs)
const FLAGS = ['--proxy=p:3080', '--user', 'joe', '--teleport-cluster=t', '--kube-cluster=any']

it.each(['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'] as const)(
  'is the credential that the rest of tsh would print (%s)',
  async (apiVersion) => {
    await save()
    const info = JSON.stringify({ apiVersion, spec: {} })
    expect(printed(FLAGS, { KUBERNETES_EXEC_INFO: info })).toBe(
      execCredential(apiVersion, credential),
    )
  },
)

it('is of the latest login when no user is named', async () => {
  await save('joe', 1)
  await save('ann', 2)
  expect(printed(['--proxy', 'p:3080'])).toContain('"ann"')
})

it.each([
  ['nothing is kept', FLAGS, {}, false],
  ['no proxy is named', ['--user=joe'], {}, true],
  ['another user is', ['--proxy=p:3080', '--user=ann'], {}, true],
  ['another Teleport cluster is', ['--proxy=p:3080', '--teleport-cluster=x'], {}, true],
  ['there is a flag that it does not know', [...FLAGS, '-d'], {}, true],
  ['a flag has no value', ['--proxy'], {}, true],
  ['there is no home', FLAGS, { TELEPORT_HOME: '' }, true],
])('is left to the rest of tsh when %s', async (_, argv, env, kept) => {
  if (kept) await save()
  expect(printed(argv, env)).toBeNull()
})

it('is left to the rest of tsh in its last minute', async () => {
  await save()
  expect(printed(FLAGS, {}, credential.expiresAtMs - 60_001)).not.toBeNull()
  expect(printed(FLAGS, {}, credential.expiresAtMs - 60_000)).toBeNull()
})
