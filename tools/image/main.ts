import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildWeb } from '../build-web.ts'
import { buildRootfs } from './build-rootfs.ts'
import { imageConfig, ownVersion } from './contents.ts'
import { writeArchive } from './write-archive.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * `npm run build:image`: an image without a container engine, as an archive to load. With `--rootfs` the directory alone, which
 * is what the Dockerfile copies.
 */
const { values } = parseArgs({
  options: {
    rootfs: { type: 'string' },
    out: { type: 'string', default: 'dist/teleport.tar' },
    tag: { type: 'string', default: `teleport:${ownVersion()}` },
  },
})
await buildWeb(ROOT)
if (values.rootfs !== undefined) {
  await mkdir(values.rootfs, { recursive: true })
  await buildRootfs(ROOT, resolve(values.rootfs))
} else {
  const rootfs = await mkdtemp(join(tmpdir(), 'rootfs-'))
  const out = resolve(values.out)
  try {
    await buildRootfs(ROOT, rootfs)
    await mkdir(resolve(out, '..'), { recursive: true })
    await writeArchive({ rootfs, tag: values.tag, config: imageConfig, out })
  } finally {
    await rm(rootfs, { recursive: true, force: true })
  }
  process.stdout.write(`${out}: ${values.tag}\n`)
}
