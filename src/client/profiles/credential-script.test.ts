import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { credentialScript, scriptDeadlineMs, shellWord } from './credential-script.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "script 'quoted' "))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const HOSTILE = `a'b"c$(id)\`id\`\\ \n\${HOME}`

/** Writes the script as the store does, with a launcher that tells how it was called. */
async function script(
  expiresAtMs: number,
  clock: 'proc' | 'date',
  printer: 'printf' | 'cat' = 'printf',
): Promise<string> {
  const launcher = join(directory, 'tsh $(id)')
  await writeFile(launcher, '#!/bin/sh\nprintf "%s|" "$TELEPORT_HOME" "$@"\n', { mode: 0o755 })
  const path = join(directory, 'kube-credentials')
  const text = credentialScript({
    certificate: HOSTILE,
    privateKey: 'key',
    expiresAtMs,
    launcher: [launcher, '--flag'],
    home: HOSTILE,
    clock,
    printer,
  })
  await writeFile(path, text)
  await chmod(path, 0o700)
  const deadline = new Date(scriptDeadlineMs(expiresAtMs))
  await utimes(path, deadline, deadline)
  return path
}

const start = async (path: string, env: Record<string, string> = {}): Promise<string> => {
  const { stdout } = await promisify(execFile)(path, ['--kube-cluster=a b', HOSTILE], { env })
  return stdout
}

describe('the script where printf is no part of the shell', () => {
  it('prints the credential, and has no program that gets it as an argument', async () => {
    const path = await script(Date.now() + 3_600_000, 'date', 'cat')
    expect(await readFile(path, 'utf8')).not.toContain('printf')
    for (const version of ['v1', 'v1beta1']) {
      const info = `{"apiVersion":"client.authentication.k8s.io/${version}"}`
      const printed = await start(path, { KUBERNETES_EXEC_INFO: info, PATH: '/usr/bin:/bin' })
      expect(JSON.parse(printed)).toMatchObject({
        apiVersion: `client.authentication.k8s.io/${version}`,
        status: { clientCertificateData: HOSTILE, clientKeyData: 'key' },
      })
    }
  })
})

describe.each(['proc', 'date'] as const)('the script with the clock of %s', (clock) => {
  it('prints the credential while it is valid, in the version that is asked for', async () => {
    const expiresAtMs = Date.now() + 3_600_000
    const path = await script(expiresAtMs, clock)
    for (const [info, version] of [
      ['', 'v1beta1'],
      ['{"apiVersion":"client.authentication.k8s.io/v1beta1"}', 'v1beta1'],
      ['{"apiVersion":"client.authentication.k8s.io/v1","spec":{}}', 'v1'],
    ] as const) {
      const printed = await start(path, info === '' ? {} : { KUBERNETES_EXEC_INFO: info })
      expect(JSON.parse(printed)).toEqual({
        kind: 'ExecCredential',
        apiVersion: `client.authentication.k8s.io/${version}`,
        status: {
          expirationTimestamp: new Date(Math.floor((expiresAtMs - 60_000) / 1000) * 1000)
            .toISOString()
            .replace('.000', ''),
          clientCertificateData: HOSTILE,
          clientKeyData: 'key',
        },
      })
      expect(printed.trimEnd()).not.toContain('\n')
    }
  })

  it.each([
    ['expired', -1000],
    ['in its last minute', 59_000],
  ])('becomes tsh when it is %s, with its arguments as they are', async (_, ms) => {
    const path = await script(Date.now() + ms, clock)
    expect(await start(path)).toBe(
      `${[HOSTILE, '--flag', 'kube', 'credentials', '--kube-cluster=a b', HOSTILE].join('|')}|`,
    )
  })
})

it('a copy of the script without its time is taken for expired', async () => {
  const path = await script(Date.now() + 3_600_000, 'proc')
  const copied = new Date(Date.now() - 1000)
  await utimes(path, copied, copied)
  expect(await start(path)).toContain('kube|credentials')
})

it.each([
  ['plain', 'plain'],
  ['/a/b.c:3080', '/a/b.c:3080'],
  ['a b', "'a b'"],
  ["it's", "'it'\\''s'"],
  ['', "''"],
  ['$(x)', "'$(x)'"],
])('shellWord(%j) is %s', (text, word) => {
  expect(shellWord(text)).toBe(word)
})
