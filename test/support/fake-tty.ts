import { PassThrough } from 'node:stream'
import { FakeIo } from './fake-io.ts'

/** A terminal in memory: what is typed comes from the test, what is written stays there. */
export class FakeTty extends FakeIo {
  written = ''
  readonly typed = Object.assign(new PassThrough(), { setRawMode: () => {} })
  override readonly stdin = this.typed
  override readonly stdout = Object.assign(
    new PassThrough().on('data', (chunk: Buffer) => {
      this.written += chunk.toString()
    }),
    { columns: 60, rows: 8 },
  )

  constructor() {
    super({ isTty: true, env: { LANG: 'C.UTF-8', TERM: 'xterm', NO_COLOR: '1' } })
  }
}
