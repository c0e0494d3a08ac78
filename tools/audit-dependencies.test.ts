import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Finished, runProgram } from '../test/support/process.ts'
import { judgeReport, shippedNames } from './audit-dependencies.ts'

const report = (vulnerabilities: object): string =>
  JSON.stringify({ vulnerabilities, metadata: {} })
const shipped = new Set(['undici', 'fastify'])

describe('judgeReport()', () => {
  it.each([
    ['none', report({}), 'clean', 'none of any kind'],
    [
      'lesser ones',
      report({ undici: { severity: 'moderate' }, fastify: { severity: 'low' } }),
      'clean',
      'lesser ones: undici (moderate), fastify (low)',
    ],
    ['a high one', report({ undici: { severity: 'high' } }), 'found', 'undici (high)'],
    ['a critical one', report({ undici: { severity: 'critical' } }), 'found', 'undici (critical)'],
    ['one of a kind that is new', report({ undici: {} }), 'found', 'undici (undefined)'],
    [
      'one of a tool',
      report({ vitest: { severity: 'high' } }),
      'clean',
      'of tools alone: vitest (high)',
    ],
    [
      'a registry that does not answer',
      JSON.stringify({ message: '405 Method Not Allowed', error: { summary: '' } }),
      'unknown',
      '405 Method Not Allowed',
    ],
    ['nothing', '', 'unknown', 'no report'],
    ['half a report', report({}).slice(0, 20), 'unknown', 'no report'],
    ['another value', '[]', 'unknown', 'no report'],
  ])('%s', (_what, output, kind, words) => {
    expect(judgeReport(output, shipped)).toEqual({ kind, words })
  })
})

describe('shippedNames()', () => {
  it('are those that production installs and those that the pages are made with, and what these need', () => {
    expect(
      shippedNames({
        '': { devDependencies: { vitest: '5' } },
        web: { devDependencies: { react: '19' } },
        'node_modules/teleport-kube-web': { link: true },
        'node_modules/fastify': { dependencies: { ajv: '8' } },
        'node_modules/fastify/node_modules/ajv': {},
        'node_modules/react': { dev: true, dependencies: { scheduler: '1' } },
        'node_modules/scheduler': { dev: true },
        'node_modules/vitest': { dev: true, dependencies: { vite: '8' } },
        'node_modules/vite': { dev: true },
      }),
    ).toEqual(new Set(['fastify', 'ajv', 'react', 'scheduler']))
  })
})

/** The tool with the real npm, and a registry that knows these advisories, or that answers with a status. */
async function audit(
  advisories: Record<string, unknown> | number,
  environment: Record<string, string> = {},
): Promise<Finished & { asked: string[] }> {
  const asked: string[] = []
  await using server = createServer(async (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(404).end('{}')
      return
    }
    const body = Buffer.concat(await request.toArray())
    const packed = request.headers['content-encoding'] === 'gzip'
    asked.push(...Object.keys(JSON.parse((packed ? gunzipSync(body) : body).toString())))
    if (typeof advisories === 'number') response.writeHead(advisories).end()
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(advisories))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const finished = await runProgram(
    process.execPath,
    [resolve(import.meta.dirname, 'audit-dependencies.ts')],
    {
      env: {
        npm_config_registry: `http://127.0.0.1:${port}/`,
        CI_REQUIRE_AUDIT: '',
        ...environment,
      },
    },
  )
  return { ...finished, asked }
}

const weakness = (severity: string): object => ({
  id: 1,
  url: 'https://example.com/1',
  title: 'smuggles',
  severity,
  vulnerable_versions: '<99',
  cwe: [],
  cvss: { score: 9, vectorString: null },
})

describe('the audit of what ships', () => {
  it('asks about what ships and what it is made with, and about nothing of ours', async () => {
    const { code, stdout, asked } = await audit({})
    expect(stdout).toMatch(
      /^\d+ packages ship, none with a known serious weakness \(none of any kind\)/,
    )
    expect(code).toBe(0)
    expect(asked).toEqual(expect.arrayContaining(['undici', 'fastify', 'react', 'vite']))
    expect(asked).not.toContain('teleport-kube-web')
  })

  it.each([
    ['undici', 'high', 1, 'failed: packages with known weaknesses would ship: undici (high)'],
    ['react-dom', 'critical', 1, 'react-dom (critical)'],
    ['fastify', 'moderate', 0, 'fastify (moderate)'],
    ['jscpd', 'high', 0, 'of tools alone: jscpd (high)'],
  ])('a weakness of %s that is %s: exit %i', async (name, severity, code, words) => {
    const found = await audit({ [name]: [weakness(severity)] })
    expect(found.stdout).toContain(words)
    expect(found.code).toBe(code)
  })

  it('says that nothing was checked where the registry does not answer, and fails where it must', async () => {
    const without = await audit(405)
    expect(without.stdout).toContain('NOT CHECKED')
    expect(without.stdout).toContain('405')
    expect(without.code).toBe(0)
    expect(await audit(503, { CI_REQUIRE_AUDIT: '1' })).toMatchObject({ code: 1 })
  })
})
