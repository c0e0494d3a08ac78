import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { ownDirectories, USER_ID } from './contents.ts'

const exec = promisify(execFile)

/** The same bytes whoever builds, and whatever umask he has. */
const STEADY = ['--sort=name', '--mtime=@0', '--mode=u+rwX,go+rX,go-w'] as const
const owned = (id: number): string[] => [`--owner=${id}`, `--group=${id}`, '--numeric-owner']

/** Names of machines as images write them. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Writes an image that `docker load`, `podman load` and `ctr images import` take, of one layer: the directory, owned by root
 * but for what the program writes.
 * The same directory gives the same bytes.
 */
export async function writeArchive(options: {
  readonly rootfs: string
  readonly tag: string
  readonly config: object
  readonly out: string
}): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'image-'))
  try {
    const layer = join(work, 'layer.tar')
    const own = ownDirectories.map((path) => `.${path}`)
    const pack = (args: readonly string[]): Promise<unknown> =>
      exec('tar', [...STEADY, '-C', options.rootfs, ...args])
    await pack([...owned(0), ...own.map((path) => `--exclude=${path}`), '-cf', layer, '.'])
    await pack([...owned(USER_ID), '-rf', layer, ...own])
    const digest = await sha256(layer)
    await rename(layer, join(work, `${digest}.tar`))
    const created = '1970-01-01T00:00:00Z'
    const image = JSON.stringify({
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      created,
      config: options.config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
      history: [{ created }],
    })
    const name = `${createHash('sha256').update(image).digest('hex')}.json`
    await writeFile(join(work, name), image)
    await writeFile(
      join(work, 'manifest.json'),
      JSON.stringify([{ Config: name, RepoTags: [options.tag], Layers: [`${digest}.tar`] }]),
    )
    await exec('tar', [...STEADY, '-C', work, '-cf', options.out, '.'])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
