import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildWeb } from '../../../tools/build-web.ts'
import { buildRootfs } from '../../../tools/image/build-rootfs.ts'
import { imageConfig, ownVersion } from '../../../tools/image/contents.ts'
import { writeArchive } from '../../../tools/image/write-archive.ts'
import { mustRun } from '../../support/process.ts'
import type { Cluster } from './environment.ts'

/** What the charts run without being told. */
export const DEFAULT_IMAGE = `docker.io/library/teleport:${ownVersion()}`
const ROOT = resolve(import.meta.dirname, '../../..')

/** The product's image, as `npm run build:image` makes it, on the nodes of clusters until it is disposed. */
export class PodImage implements AsyncDisposable {
  /** Whole names, as containerd has them. */
  readonly #imported: { readonly socket: string; readonly tag: string }[] = []

  /** Builds it once, and brings it to each cluster under each tag. */
  async bring(tags: readonly string[], which: readonly Cluster[]): Promise<void> {
    const work = await mkdtemp(join(tmpdir(), 'pod-image-'))
    try {
      await buildWeb(ROOT)
      const rootfs = join(work, 'rootfs')
      await buildRootfs(ROOT, rootfs)
      for (const tag of tags) {
        const out = join(work, 'image.tar')
        await writeArchive({ rootfs, tag, config: imageConfig, out })
        for (const { containerd } of which) {
          if (containerd === null) throw new Error('the cluster takes no images from here')
          await ctr(containerd, 'images', 'import', out)
          this.#imported.push({ socket: containerd, tag })
        }
      }
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket, tag } of this.#imported) await ctr(socket, 'images', 'rm', tag)
  }
}

const ctr = (socket: string, ...args: readonly string[]): Promise<string> =>
  mustRun('ctr', ['-a', socket, '-n', 'k8s.io', ...args], { timeoutMs: 180_000 })
