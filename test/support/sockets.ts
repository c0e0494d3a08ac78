import { readFile } from 'node:fs/promises'

const ESTABLISHED = '01'
const LISTENING = '0A'
const TIME_WAIT = '06'

/** Of which kind a connection's timer is: nothing is sent before it, or for it. */
const KEEP_ALIVE = '02'
/** The kernel counts time in these for programs. */
const TICK_MS = 10

/** The kernel's TCP connections of both families, each as its fields. */
async function kernelSockets(): Promise<string[][]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  )
  return tables.flatMap((table) => table.split('\n')).map((line) => line.trim().split(/\s+/))
}

const portText = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, '0')}`

/** Connections that a server on this port of this machine holds, as the kernel counts them. */
export async function connectionsTo(port: number): Promise<number> {
  return (await kernelSockets()).filter(
    ([, address = '', , state = '']) =>
      address.endsWith(portText(port)) && state !== LISTENING && state !== TIME_WAIT,
  ).length
}

/**
 * In how many milliseconds the kernel asks whether the other end is there that listens on this port, for each connection to it where it
 * does; without such a timer one whose other end has gone without a word stands for ever.
 */
export async function keepAlivesTo(port: number): Promise<number[]> {
  return (await kernelSockets()).flatMap(([, , remote = '', state = '', , timer = '']) => {
    const [kind, ticks = ''] = timer.split(':')
    return remote.endsWith(portText(port)) && state === ESTABLISHED && kind === KEEP_ALIVE
      ? [Number.parseInt(ticks, 16) * TICK_MS]
      : []
  })
}

/** Memory of a process that is in RAM, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
