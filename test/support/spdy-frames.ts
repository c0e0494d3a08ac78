import type { Frame } from '../../src/protocol/spdy/frame.ts'

/** Data comes in pieces: those of one stream that follow each other are put together. */
export function grownTogether(all: readonly Frame[]): Frame[] {
  const grown: Frame[] = []
  for (const frame of all) {
    const last = grown.at(-1)
    const goesOn = frame.type === 'data' && last?.type === 'data' && !last.fin
    if (goesOn && last.streamId === frame.streamId) {
      grown[grown.length - 1] = { ...frame, data: Buffer.concat([last.data, frame.data]) }
    } else grown.push(frame.type === 'data' ? { ...frame, data: Buffer.from(frame.data) } : frame)
  }
  return grown
}
