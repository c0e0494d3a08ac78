import { randomBytes, randomUUID } from 'node:crypto'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyRecording } from '../../../src/cli/tctl/verify-recording.ts'
import type { RecordingResource } from '../../../src/contract/index.ts'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { createMetrics } from '../../../src/daemon/metrics.ts'
import type { MemberLink } from '../../../src/daemon/services/member.ts'
import { openRecorder } from '../../../src/daemon/services/recorder.ts'
import type { SessionRecorder } from '../../../src/forwarder/index.ts'
import { createRemoteRecordings } from '../../../src/member/index.ts'
import {
  decryptChunk,
  openChunk,
  type RecordFrame,
  RecordReader,
  type SessionFacts,
} from '../../../src/recording/index.ts'
import { defaultRecordingSettings } from '../../../src/recordings/index.ts'
import { factsOf } from '../../conformance/recordings/facts.ts'
import { type AgentParty, CLUSTER, Parties, TELEPORT } from './support/parties.ts'

const LINEAGE = 'recorders'

describe('recordings of a service away from auth', () => {
  let parties: Parties
  let hostId: string
  let pipe: { up: boolean }
  let link: MemberLink
  let agent: AgentParty

  beforeEach(async () => {
    parties = await Parties.open()
    hostId = randomUUID()
    pipe = { up: true }
    link = await parties.auth.link(hostId, LINEAGE, pipe)
    agent = await parties.agent(link)
    await agent.start()
  })
  afterEach(() => parties[Symbol.asyncDispose]())

  /** The recorder of the service, as the daemon opens it, with what the auth service says. */
  async function recorderIn(
    directory: string,
    by: MemberLink = link,
  ): Promise<{ recorder: SessionRecorder; close: () => Promise<void> }> {
    const stack = new AsyncDisposableStack()
    const calls = stack.use(by.calls(15_000))
    const recorder = await openRecorder(stack, {
      dataDir: directory,
      target: createRemoteRecordings((name, input) => calls.call(name, input)),
      settings: () => agent.agent.member.access.recording(),
      metrics: createMetrics(),
      clock: systemClock,
      log: silentLogger,
    })
    parties.stack.use(stack)
    return { recorder, close: () => stack.disposeAsync() }
  }

  const facts = (id: string, but: Partial<SessionFacts> = {}): SessionFacts =>
    factsOf(1, {
      sessionId: id,
      teleportCluster: TELEPORT,
      kubeCluster: CLUSTER,
      serverId: hostId,
      startedMs: Date.now(),
      ...but,
    })
  const options = { onFailed: () => {}, onDrain: () => {} }

  async function found(id: string): Promise<RecordingResource | null> {
    using admin = await parties.auth.admin()
    const { items } = await admin.call('recordings.list', { query: { limit: 1000 } })
    return items.find((item) => item.session_id === id) ?? null
  }
  async function read(id: string, identities: readonly string[] = []): Promise<RecordFrame[]> {
    using admin = await parties.auth.admin()
    const { chunks } = await admin.call('recordings.get', { params: { id } })
    async function* files(): AsyncGenerator<Buffer> {
      for (let index = 0; index < chunks; index += 1) {
        const params = { id, index: String(index) }
        yield Buffer.from(await admin.call('recordings.chunk', { params }))
      }
    }
    const reader = new RecordReader()
    const frames: RecordFrame[] = []
    for await (const frame of reader.chunks(files(), async (file, expected) =>
      openChunk(await decryptChunk(file, identities), expected),
    )) {
      frames.push(frame)
    }
    expect(reader.isWhole).toBe(true)
    return frames
  }
  const outputOf = (frames: readonly RecordFrame[]): Buffer =>
    Buffer.concat(frames.flatMap((frame) => (frame.kind === 'data' ? [frame.data] : [])))

  it('reach the auth service while the session runs, and are shown to whose they are', async () => {
    const { recorder } = await recorderIn(await parties.directory())
    const id = randomUUID()
    const record = await recorder.begin(facts(id), options)
    const output = randomBytes(2_500_000)
    for (let at = 0; at < output.length; at += 50_000) {
      record.data('stdout', output.subarray(at, at + 50_000))
    }
    await expect.poll(async () => (await found(id))?.chunks ?? 0).toBeGreaterThan(0)
    expect(await found(id)).toMatchObject({ state: 'live', user: 'alice', kube_cluster: CLUSTER })
    await record.end({ exitCode: 0, reason: 'exited' })
    await expect.poll(async () => (await found(id))?.state).toBe('complete')
    expect(outputOf(await read(id)).equals(output)).toBe(true)
    using admin = await parties.auth.admin()
    const events = async (): Promise<unknown[]> =>
      (await admin.call('events.list', { query: { event: 'session.upload' } })).items
    await expect.poll(events).toMatchObject([{ sid: id, server_id: hostId, user: 'alice' }])
    expect(await verifyRecording(admin, id)).toMatchObject({ session_id: id })
  })

  it('wait while auth is away, also while it restarts, and come in order and once', async () => {
    const directory = await parties.directory()
    const { recorder } = await recorderIn(directory)
    const ids = [randomUUID(), randomUUID()]
    await parties.auth.stop()
    const records = await Promise.all(ids.map((id) => recorder.begin(facts(id), options)))
    for (let round = 0; round < 20; round += 1) {
      for (const [at, record] of records.entries()) {
        record.data('stdout', Buffer.from(`${at}:${round} `))
      }
    }
    await records[0]?.end({ exitCode: 0, reason: 'exited' })
    const waiting = (): Promise<string[]> =>
      readdir(join(directory, 'recordings-spool', ids[0] ?? ''))
    await expect.poll(waiting).toContain('end.json')
    await parties.auth.start()
    await records[1]?.end({ exitCode: 1, reason: 'exited' })
    for (const [at, id] of ids.entries()) {
      await expect.poll(async () => (await found(id))?.state, { timeout: 30_000 }).toBe('complete')
      const rounds = Array.from({ length: 20 }, (_, round) => `${at}:${round} `)
      expect(outputOf(await read(id)).toString()).toBe(rounds.join(''))
    }
    await expect.poll(() => readdir(join(directory, 'recordings-spool'))).toEqual([])
  }, 60_000)

  it('wait while the service has brought as much as one may in a day, and come when there is room', async () => {
    await parties.auth.stop()
    parties.auth.recordingHostQuota = 1_000_000
    await parties.auth.start()
    const directory = await parties.directory()
    const { recorder } = await recorderIn(directory)
    const [small, large] = [randomUUID(), randomUUID()]
    const output = randomBytes(1_500_000)
    const record = await recorder.begin(facts(large), options)
    record.data('stdout', output)
    await record.end({ exitCode: 0, reason: 'exited' })
    await expect.poll(async () => (await found(large))?.state).toBe('live')
    // What still fits is taken.
    const other = await recorder.begin(facts(small), options)
    await other.end({ exitCode: 0, reason: 'exited' })
    await expect.poll(async () => (await found(small))?.state).toBe('complete')
    expect((await found(large))?.chunks).toBe(0)
    expect(await readdir(join(directory, 'recordings-spool', large))).toContain('end.json')
    await parties.auth.stop()
    parties.auth.recordingHostQuota = 10_000_000
    await parties.auth.start()
    await expect.poll(async () => (await found(large))?.state, { timeout: 30_000 }).toBe('complete')
    expect(outputOf(await read(large)).equals(output)).toBe(true)
  }, 60_000)

  it('are completed by the next process, when one is killed', async () => {
    const [first, second] = [await parties.directory(), await parties.directory()]
    const { recorder } = await recorderIn(first)
    const id = randomUUID()
    pipe.up = false
    const record = await recorder.begin(facts(id), options)
    record.data('stdout', Buffer.from('seen'))
    const open = join(first, 'recordings-spool', id, '000000.open')
    await expect
      .poll(async () => (await readFile(open)).includes('seen'), { timeout: 5000 })
      .toBe(true)
    await cp(first, second, { recursive: true })
    pipe.up = true
    await recorderIn(second)
    await expect.poll(async () => (await found(id))?.state).toBe('cut')
    expect(outputOf(await read(id)).toString()).toBe('seen')
  })

  it('are those of a member alone: another one brings nothing in its name', async () => {
    const directory = await parties.directory()
    const foreign = await parties.auth.link(randomUUID(), 'others')
    const { recorder } = await recorderIn(directory, foreign)
    const id = randomUUID()
    const record = await recorder.begin(facts(id), options)
    await record.end({ exitCode: 0, reason: 'exited' })
    await expect
      .poll(() => readdir(join(directory, 'recordings-spool')), { timeout: 5000 })
      .toEqual(['aside'])
    expect(await found(id)).toBeNull()
  })

  it('of a cluster that the service does not serve stay in its spool', async () => {
    const directory = await parties.directory()
    const { recorder } = await recorderIn(directory)
    const [strange, own] = [randomUUID(), randomUUID()]
    for (const [id, kubeCluster] of [
      [strange, 'elsewhere'],
      [own, CLUSTER],
    ] as const) {
      const record = await recorder.begin(facts(id, { kubeCluster }), options)
      await record.end({ exitCode: 0, reason: 'exited' })
    }
    await expect.poll(async () => (await found(own))?.state).toBe('complete')
    expect(await found(strange)).toBeNull()
    expect(await readdir(join(directory, 'recordings-spool'))).toEqual([strange])
  })

  it('follow what the configuration of the auth service says, encryption included', async () => {
    const identity = await generateX25519Identity()
    await parties.auth.stop()
    parties.auth.recording = {
      records: true,
      strict: true,
      recipients: [await identityToRecipient(identity)],
      pipeBytes: 10,
    }
    await parties.auth.start()
    await expect
      .poll(() => agent.agent.member.access.recording(), { timeout: 15_000 })
      .toEqual(parties.auth.recording)
    const { recorder } = await recorderIn(await parties.directory())
    expect(recorder.policy()).toEqual({ records: true, strict: true })
    const id = randomUUID()
    const record = await recorder.begin(facts(id, { tty: false }), options)
    record.data('stdout', Buffer.from('0123456789 and more'))
    await record.end({ exitCode: 0, reason: 'exited' })
    await expect.poll(async () => (await found(id))?.state, { timeout: 15_000 }).toBe('complete')
    expect(await found(id)).toMatchObject({ encrypted: true })
    // Nothing that lies at the auth service tells what was said.
    for (const path of await filesBelow(join(parties.auth.directory, 'recordings'))) {
      expect((await readFile(path)).includes('0123456789'), path).toBe(false)
    }
    await expect(read(id)).rejects.toMatchObject({ code: 'RECORD_LOCKED' })
    expect(outputOf(await read(id, [identity])).toString()).toBe('0123456789')
  }, 60_000)

  it('are as the defaults say where the auth service says nothing', () => {
    expect(agent.agent.member.access.recording()).toEqual(defaultRecordingSettings)
  })
})

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  return entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
}
