import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { errorCode } from '../src/core/index.ts'

const ROOT = resolve(import.meta.dirname, '..')

/** What a build is made of: the pages, the types that they share with the server, and the versions of the tools. */
const INPUTS = ['web', 'src/contract', 'package-lock.json'] as const
/** Below web/, and no input. */
const NOT_INPUTS = /^web\/(dist|node_modules|\.build-)/
/** In the build: the digest of what it was made of. The proxy serves no name with a dot in front. */
const STAMP = '.stamp'

/** One digest of every input, names included. */
export function digestInputs(root: string): string {
  const hash = createHash('sha256')
  for (const path of INPUTS.flatMap((input) => listFiles(root, input)).sort()) {
    const content = readFileSync(join(root, path))
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

/**
 * Builds web/ into web/dist, unless what lies there was made of the same inputs. The new build is made beside the
 * old one and takes its place at the end, so that a daemon which starts meanwhile never reads half of one.
 */
export async function buildWeb(root: string = ROOT): Promise<'built' | 'unchanged'> {
  const dist = join(root, 'web/dist')
  const digest = digestInputs(root)
  if (stampOf(dist) === digest) return 'unchanged'
  const { build } = await import('vite')
  const fresh = await mkdtemp(join(root, 'web/.build-'))
  const environment = process.env['NODE_ENV']
  const retired = await mkdtemp(join(root, 'web/.build-'))
  try {
    // Test runners and shells set another, and with it React's code for development would be built in.
    process.env['NODE_ENV'] = 'production'
    await build({
      root: join(root, 'web'),
      logLevel: 'warn',
      build: { outDir: fresh, emptyOutDir: true },
    })
    await writeFile(join(fresh, STAMP), digest)
    // Whoever serves them may be another user than who built them.
    await chmod(fresh, 0o755)
    if (existsSync(dist)) await rename(dist, join(retired, 'dist'))
    await rename(fresh, dist)
  } catch (error) {
    // Somebody else built the same at the same time.
    if (stampOf(dist) !== digest) throw error
  } finally {
    if (environment === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = environment
    await rm(fresh, { recursive: true, force: true })
    await rm(retired, { recursive: true, force: true })
  }
  return 'built'
}

function stampOf(dist: string): string | null {
  const path = join(dist, STAMP)
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

function listFiles(root: string, input: string): string[] {
  const path = join(root, input)
  if (!existsSync(path)) return []
  const entries = input.includes('.')
    ? [input]
    : readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  return entries.filter((name) => !NOT_INPUTS.test(name))
}

if (import.meta.main) {
  try {
    if ((await buildWeb()) === 'built') process.stdout.write('web pages: built\n')
  } catch (error) {
    // Where only what runs was installed there is no vite: everything but the pages works.
    const noTools = errorCode(error) === 'ERR_MODULE_NOT_FOUND'
    if (!process.argv.includes('--or-go-on') || !noTools) throw error
    process.stderr.write(
      'web pages: not built, since the tools for it are not installed ("npm ci")\n',
    )
  }
}
