import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'

const ROOT = resolve(import.meta.dirname, '..')

/** Not worth a failed build: weaknesses of these kinds are named. */
const LESSER: ReadonlySet<unknown> = new Set(['info', 'low', 'moderate'])
/** The registry answers within seconds, or not at all. */
const TIMEOUT_MS = 120_000

export type Verdict =
  | { readonly kind: 'clean'; readonly words: string }
  /** Packages that ship have known weaknesses of a serious kind. */
  | { readonly kind: 'found'; readonly words: string }
  /** Nothing is known: the registry did not answer the question, or with something else. */
  | { readonly kind: 'unknown'; readonly words: string }

/** What the lock file says of a package. */
interface Locked {
  readonly dev?: boolean
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/**
 * Names of the packages that ship, from the lock file: what production installs, and what the pages are made with and of,
 * which ends up in the build although nobody installs it.
 */
export function shippedNames(packages: Readonly<Record<string, Locked>>): ReadonlySet<string> {
  const needs = new Map<string, string[]>()
  const shipped: string[] = []
  for (const [path, locked] of Object.entries(packages)) {
    const name = path.split('node_modules/').at(-1) ?? ''
    if (!path.includes('node_modules/') || locked.link === true) continue
    needs.set(name, [...(needs.get(name) ?? []), ...Object.keys(locked.dependencies ?? {})])
    if (locked.dev !== true) shipped.push(name)
  }
  shipped.push(...Object.keys(packages['web']?.devDependencies ?? {}))
  const found = new Set<string>()
  for (let name = shipped.pop(); name !== undefined; name = shipped.pop()) {
    if (found.has(name)) continue
    found.add(name)
    shipped.push(...(needs.get(name) ?? []))
  }
  return found
}

/** Judges what `npm audit --json` printed. What is not a whole report is no clean one. Pure. */
export function judgeReport(output: string, shipped: ReadonlySet<string>): Verdict {
  const { vulnerabilities, metadata, message } = parse(output)
  if (!isRecord(vulnerabilities) || !isRecord(metadata)) {
    return { kind: 'unknown', words: typeof message === 'string' ? message : 'no report' }
  }
  const severities = Object.entries(vulnerabilities).map(
    ([name, finding]) => [name, isRecord(finding) ? finding['severity'] : undefined] as const,
  )
  // A severity that we do not know is taken for a serious one.
  const serious = severities.filter(([, severity]) => !LESSER.has(severity))
  const found = serious.filter(([name]) => shipped.has(name))
  if (found.length > 0) return { kind: 'found', words: listed(found) }
  if (serious.length > 0) return { kind: 'clean', words: `of tools alone: ${listed(serious)}` }
  const words = severities.length > 0 ? `lesser ones: ${listed(severities)}` : 'none of any kind'
  return { kind: 'clean', words }
}

const listed = (findings: readonly (readonly [string, unknown])[]): string =>
  findings.map(([name, severity]) => `${name} (${String(severity)})`).join(', ')

function parse(output: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(output)
    return isRecord(value) ? value : {}
  } catch {
    return {}
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Asks the registry about everything in the lock file. */
async function askRegistry(): Promise<string> {
  const asked = spawn('npm', ['audit', '--json', '--fetch-retries=1'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: TIMEOUT_MS,
  })
  return text(asked.stdout)
}

if (import.meta.main) {
  const lock = JSON.parse(readFileSync(resolve(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>
  }
  const shipped = shippedNames(lock.packages)
  const verdict = judgeReport(await askRegistry(), shipped)
  switch (verdict.kind) {
    case 'clean':
      process.stdout.write(
        `${shipped.size} packages ship, none with a known serious weakness (${verdict.words})\n`,
      )
      break
    case 'found':
      process.stdout.write(`failed: packages with known weaknesses would ship: ${verdict.words}\n`)
      process.exitCode = 1
      break
    case 'unknown':
      process.stdout.write(
        `NOT CHECKED: the registry did not say which weaknesses are known (${verdict.words})\n`,
      )
      // A release is not made of what nobody could check; a machine without a network may go on, and says so.
      if (process.env['CI_REQUIRE_AUDIT'] === '1') process.exitCode = 1
      break
  }
}
