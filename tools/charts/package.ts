import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { CHARTS, chartNames } from './generate.ts'

const exec = promisify(execFile)

/** Chart.yaml, as far as an index needs it. */
interface ChartFile {
  readonly name: string
  readonly version: string
}

/**
 * Writes a chart repository into a directory: an archive for each chart, and index.yaml. Serve it from anywhere. The same charts
 * give the same archives. `baseUrl`: where they will be; archives stand beside the index without it.
 */
export async function packageCharts(options: {
  readonly out: string
  readonly createdMs: number
  readonly baseUrl?: string
}): Promise<string[]> {
  await mkdir(options.out, { recursive: true })
  const entries: Record<string, object[]> = {}
  const archives: string[] = []
  for (const name of chartNames) {
    const chart = parse(await readFile(join(CHARTS, name, 'Chart.yaml'), 'utf8')) as ChartFile
    const file = `${chart.name}-${chart.version}.tgz`
    const path = join(options.out, file)
    await exec('tar', [
      '--sort=name',
      '--mtime=@0',
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '--mode=u+rwX,go+rX,go-w',
      '--use-compress-program=gzip -n',
      '-C',
      CHARTS,
      '-cf',
      path,
      name,
    ])
    archives.push(path)
    const digest = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
    entries[name] = [
      {
        ...chart,
        created: new Date(options.createdMs).toISOString(),
        digest,
        urls: [
          options.baseUrl === undefined ? file : `${options.baseUrl.replace(/\/$/, '')}/${file}`,
        ],
      },
    ]
  }
  const index = {
    apiVersion: 'v1',
    entries,
    generated: new Date(options.createdMs).toISOString(),
  }
  await writeFile(join(options.out, 'index.yaml'), stringify(index))
  return archives
}
