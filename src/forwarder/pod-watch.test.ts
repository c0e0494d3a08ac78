import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../core/index.ts'
import { PodWatch } from './pod-watch.ts'
import type { Upstream, UpstreamSink } from './ports.ts'

const MIB = 1024 * 1024
const POD = { metadata: { uid: 'u', resourceVersion: '1' }, status: { phase: 'Running' } }
const DELETED = JSON.stringify({ type: 'DELETED', object: POD })

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** A watch, and what its requests would be answered into, the last one first. */
function watching(): { sink(): UpstreamSink; readonly gone: string[] } {
  const sinks: UpstreamSink[] = []
  const gone: string[] = []
  const upstream: Pick<Upstream, 'send'> = {
    send: (_request, sink) => {
      sinks.unshift(sink)
      return { abort: () => {} } as ReturnType<Upstream['send']>
    },
  }
  const pod = { user: 'alice', namespace: 'team', name: 'web', headers: [] }
  new PodWatch(upstream as Upstream, pod, (words) => gone.push(words), silentLogger).start()
  return { sink: () => sinks[0] as UpstreamSink, gone }
}

function heapAfter(sink: UpstreamSink): number {
  collect()
  const before = process.memoryUsage().heapUsed
  const byte = Buffer.from('x')
  for (let count = 0; count < MIB; count += 1) sink.data(byte)
  collect()
  return process.memoryUsage().heapUsed - before
}

describe('a pod that comes byte by byte', () => {
  it('takes no piece of memory for each of them', () => {
    const { sink } = watching()
    sink().head(200, [])
    expect(heapAfter(sink())).toBeLessThan(20 * MIB)
  })

  it('takes none in a watch either, whose events are heard in whatever pieces', () => {
    const { sink, gone } = watching()
    sink().head(200, [])
    for (const byte of Buffer.from(JSON.stringify(POD))) sink().data(Buffer.from([byte]))
    sink().end()
    sink().head(200, [])
    expect(heapAfter(sink())).toBeLessThan(20 * MIB)
    for (const byte of Buffer.from(`\n${DELETED}\n`)) sink().data(Buffer.from([byte]))
    expect(gone).toEqual(['pod "web" is gone'])
  })
})
