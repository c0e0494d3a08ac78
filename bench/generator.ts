/**
 * Sends the same request over and over on kept-alive HTTP/1.1 connections, and prints what it saw as JSON. One generator
 * for every row, so that its own cost is the same everywhere. `node bench/generator.ts '<json>'`
 */
import { readFileSync } from 'node:fs'
import { type Socket, connect as tcpConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { Load, Measured } from './load.ts'
import { cpuSecondsOf } from './support.ts'

const load = JSON.parse(process.argv[2] ?? '{}') as Load
const request = Buffer.from(
  `GET ${load.path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nUser-Agent: bench\r\n\r\n`,
)
const latencies: number[] = []
let counting = false
let requests = 0
let bytes = 0
let stopped = false

const secrets =
  load.tls === null
    ? null
    : {
        ca: readFileSync(load.tls.ca),
        ...(load.tls.cert === null ? {} : { cert: readFileSync(load.tls.cert) }),
        ...(load.tls.key === null ? {} : { key: readFileSync(load.tls.key) }),
      }

function open(ready: (socket: Socket) => void): void {
  const socket =
    load.tls === null || secrets === null
      ? tcpConnect(load.port, load.host, () => ready(socket))
      : tlsConnect(
          {
            host: load.host,
            port: load.port,
            servername: load.tls.serverName,
            ...secrets,
            minVersion: 'TLSv1.3',
          },
          () => ready(socket),
        )
  socket.setNoDelay(true)
  socket.on('error', (error) => {
    if (stopped) return
    process.stderr.write(`generator: ${error.message}\n`)
    process.exit(1)
  })
}

function loop(socket: Socket): void {
  let began = 0
  let head = ''
  let missing = -1
  const send = (): void => {
    if (stopped) {
      socket.destroy()
      return
    }
    began = performance.now()
    head = ''
    missing = -1
    socket.write(request)
  }
  socket.on('data', (chunk: Buffer) => {
    if (counting) bytes += chunk.length
    if (missing === -1) {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) return
      if (!head.startsWith('HTTP/1.1 200')) {
        process.stderr.write(`generator: ${head.slice(0, 400)}\n`)
        process.exit(1)
      }
      const length = /\r\ncontent-length: (\d+)/i.exec(head)
      if (length === null) {
        // Chunked, which only one row has: done at the last chunk.
        if (head.endsWith('0\r\n\r\n')) done()
        return
      }
      missing = Number(length[1]) - (head.length - end - 4)
    } else {
      missing -= chunk.length
    }
    if (missing === 0) done()
  })
  const done = (): void => {
    if (counting) {
      requests += 1
      if (latencies.length < 2_000_000) latencies.push(performance.now() - began)
    }
    if (load.mode === 'download' && counting) stopped = true
    send()
  }
  send()
}

function shake(): void {
  if (stopped) return
  const began = performance.now()
  open((socket) => {
    if (counting) {
      requests += 1
      latencies.push(performance.now() - began)
    }
    socket.destroy()
    shake()
  })
}

for (let index = 0; index < load.connections; index += 1) {
  if (load.mode === 'handshakes') shake()
  else open(loop)
}
await new Promise((resolve) => setTimeout(resolve, load.mode === 'download' ? 0 : load.warmUpMs))
counting = true
const spentBefore = cpuSecondsOf(load.pids)
const began = performance.now()
if (load.mode === 'download') {
  while (!stopped) await new Promise((resolve) => setTimeout(resolve, 5))
} else {
  await new Promise((resolve) => setTimeout(resolve, load.runMs))
}
counting = false
const seconds = (performance.now() - began) / 1000
const cpuSeconds = cpuSecondsOf(load.pids) - spentBefore
stopped = true
latencies.sort((a, b) => a - b)
const measured: Measured = {
  requests,
  seconds,
  p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
  p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  bytes,
  cpuSeconds,
}
process.stdout.write(`${JSON.stringify(measured)}\n`)
process.exit(0)
