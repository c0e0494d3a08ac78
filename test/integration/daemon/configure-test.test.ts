import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Finished, runProgram } from '../../support/process.ts'

const TELEPORT = resolve(import.meta.dirname, '../../../bin/teleport')

describe('teleport configure --test', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'configure-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const judge = async (text: string): Promise<Finished> => {
    const file = join(directory, 'teleport.yaml')
    await writeFile(file, text)
    return runProgram(TELEPORT, ['configure', '--test', file])
  }

  it('finds what configure prints right, and nothing else', async () => {
    const { stdout } = await runProgram(TELEPORT, ['configure', '--cluster-name=example.com'])
    const judged = await judge(stdout)
    expect(judged).toMatchObject({ code: 0, stderr: '' })
    expect(judged.stdout).toContain('teleport.yaml: every key is right')
  })

  it('names everything that is wrong, each with its place', async () => {
    const judged = await judge('version: v9\nproxy_service:\n  web_listen_address: x\n')
    expect(judged).toMatchObject({ code: 1, stdout: '' })
    expect(judged.stderr).toContain('teleport.yaml:1:10: version: must be one of v1, v2, v3')
    expect(judged.stderr).toContain('teleport.yaml:3:3: proxy_service.web_listen_address: is not')
  })

  it('says when there is no such file', async () => {
    const judged = await runProgram(TELEPORT, ['configure', '--test', join(directory, 'missing')])
    expect(judged).toMatchObject({ code: 1 })
    expect(judged.stderr).toContain('there is no ')
  })
})
