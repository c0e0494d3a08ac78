import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import {
  APP,
  isNeeded,
  type LockFile,
  productionPackages,
  sharedLibraries,
  smallFiles,
} from './contents.ts'

const exec = promisify(execFile)

/**
 * Lays the image's whole file system into an empty directory: this Node and the libraries that it is linked with, the sources
 * without their tests, what they need of node_modules, the built pages. Nothing else: no shell, no package manager.
 */
export async function buildRootfs(root: string, target: string): Promise<void> {
  for (const directory of ['tmp', 'etc/teleport', 'var/lib/teleport']) {
    await mkdir(join(target, directory), { recursive: true })
  }
  for (const [path, { text, mode }] of Object.entries(smallFiles)) {
    await mkdir(dirname(join(target, path)), { recursive: true })
    await writeFile(join(target, path), text)
    await chmod(join(target, path), mode)
  }
  const app = join(target, APP)
  await mkdir(join(app, 'web'), { recursive: true })
  await copyFile(join(root, 'package.json'), join(app, 'package.json'))
  await copyFile(join(root, 'LICENSE'), join(app, 'LICENSE'))
  await cp(join(root, 'src'), join(app, 'src'), {
    recursive: true,
    filter: (path) => !path.endsWith('.test.ts'),
  })
  await cp(join(root, 'web/dist'), join(app, 'web/dist'), { recursive: true })
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as LockFile
  const packages = productionPackages(lock).filter((path) => existsSync(join(root, path)))
  for (const path of packages) await copyPackage(root, path, app)
  await copyLinked(target, process.execPath, '/usr/local/bin/node')
  for (const path of nativeModules(join(app, 'node_modules'))) await copyLibraries(target, path)
}

/** A package without the packages inside it, which the lock file names by themselves. */
async function copyPackage(root: string, path: string, app: string): Promise<void> {
  const from = join(root, path)
  await cp(from, join(app, path), {
    recursive: true,
    filter(source) {
      const inside = relative(from, source)
      return inside === '' || (!inside.startsWith('node_modules') && isNeeded(inside))
    },
  })
}

async function copyLinked(target: string, program: string, as: string): Promise<void> {
  const to = join(target, as)
  await copyFile(await realpath(program), to)
  await chmod(to, 0o755)
  await copyLibraries(target, to)
}

async function copyLibraries(target: string, program: string): Promise<void> {
  const { stdout } = await exec('ldd', [program])
  for (const library of sharedLibraries(stdout)) {
    const to = join(target, library)
    if (existsSync(to)) continue
    await mkdir(dirname(to), { recursive: true })
    await copyFile(await realpath(library), to)
    await chmod(to, 0o755)
  }
}

const nativeModules = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.node'))
    .map((entry) => join(entry.parentPath, entry.name))
