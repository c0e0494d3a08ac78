import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Running, runProgram } from '../support/process.ts'
import { typeAtTerminal } from '../support/terminal.ts'
import { clusters, kubectls } from './support/environment.ts'

const BIN = resolve(import.meta.dirname, '../../bin')
const PASSWORD = 'four unrelated words'

const newest = kubectls.at(-1)
const cluster = clusters.find(({ version }) => version === '1.35')
const kinds = [
  {
    what: 'without a kubeconfig: a demo cluster',
    kubeconfig: '',
    missing: newest === undefined ? 'no kubectl here' : null,
    context: 'localhost-demo',
    says: 'a DEMO, in memory',
  },
  {
    what: 'with the kubeconfig of a real cluster',
    kubeconfig: cluster?.kubeconfig ?? '',
    missing: cluster === undefined ? 'no Kubernetes 1.35 here' : null,
    context: null,
    says: '✓ clusters',
  },
] as const

for (const { what, kubeconfig, missing, context, says } of kinds) {
  describe.skipIf(missing !== null)(
    `the first minute, ${what}${missing === null ? '' : ` (${missing})`}`,
    () => {
      let directory: string
      let env: Record<string, string>

      beforeAll(async () => {
        directory = await mkdtemp(join(tmpdir(), 'first-minute-'))
        // As after `npm ci` in a checkout: that is where npx looks.
        await mkdir(join(directory, 'node_modules/.bin'), { recursive: true })
        for (const name of ['tsh', 'tctl']) {
          await symlink(join(BIN, name), join(directory, 'node_modules/.bin', name))
        }
        env = {
          HOME: directory,
          PATH: [dirname(newest?.path ?? ''), process.env['PATH']].join(delimiter),
          KUBECONFIG: '',
        }
      })
      afterAll(() => rm(directory, { recursive: true, force: true }))

      const start = async (): Promise<Running> => {
        const running = new Running(join(BIN, 'teleport'), ['start', '--dev'], {
          cwd: directory,
          env: { ...process.env, ...env, KUBECONFIG: kubeconfig },
        })
        await running.until(({ stderr }) => stderr.includes('Stop with ctrl-c.'), 60_000)
        return running
      }
      /** The printed line that contains `part`, as a person copies it. */
      const printed = (running: Running, part: string): string => {
        const found = running.stderr.split('\n').find((line) => line.includes(part))
        return (found ?? '').trim()
      }
      const shell = async (line: string): Promise<string> => {
        const done = await runProgram('bash', ['-euo', 'pipefail', '-c', line], {
          cwd: directory,
          env,
        })
        expect(done, `${line}\n${done.stderr}`).toMatchObject({ code: 0 })
        return done.stdout
      }

      it('shows a request of its first user, and each command that it prints runs as printed', async () => {
        await using running = await start()
        expect(running.stderr).toContain(says)
        expect(running.stderr).toMatch(/✓ first request .*: 200 in \d+ ms/)
        expect(running.stderr).toContain('✓ audit log')

        await typeAtTerminal(
          printed(running, 'npx tsh invite'),
          [
            ['The link', printed(running, 'https://127.0.0.1')],
            ['New password', PASSWORD],
            ['The same again', PASSWORD],
          ],
          { cwd: directory, env },
        )
        await typeAtTerminal(printed(running, 'npx tsh login'), [['Password for', PASSWORD]], {
          cwd: directory,
          env,
        })
        const kubectl = printed(running, 'kubectl get pods').replace('kubectl', newest?.path ?? '')
        await shell(kubectl)
        if (context !== null) {
          expect(await shell(`${newest?.path ?? ''} config current-context`)).toBe(`${context}\n`)
        }
        expect(await shell(printed(running, 'audit ls'))).toMatch(/list pods +200/)
        expect(await running.end('SIGINT')).toBe(0)
      })

      it('keeps its state: the user has a password, and his login still works', async () => {
        await using running = await start()
        expect(running.stderr).toContain('from an earlier start')
        expect(running.stderr).not.toContain('tsh invite')
        await shell(`${newest?.path ?? ''} get namespaces`)
        const log = await readFile(join(directory, '.teleport/teleport.log'), 'utf8')
        expect(log).toContain('teleport is ready')
        expect(await running.end('SIGTERM')).toBe(0)
      })

      it('says when it runs already, and leaves what the first one wrote', async () => {
        await using running = await start()
        const state = join(directory, '.teleport')
        const written = async (): Promise<string[]> => [
          await readFile(join(state, 'teleport.yaml'), 'utf8'),
          ...(await readdir(state)).filter((name) => name.endsWith('.kubeconfig')),
        ]
        const before = await written()
        const second = await runProgram(join(BIN, 'teleport'), ['start', '--dev'], {
          cwd: directory,
          env: { ...env, KUBECONFIG: kubeconfig },
        })
        expect(second.code).toBe(1)
        expect(second.stderr).toMatch(/data directory|is in use|runs already/)
        expect(await written()).toEqual(before)
        expect(await running.end('SIGTERM')).toBe(0)
      })
    },
  )
}
