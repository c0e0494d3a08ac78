import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

/** Serves a directory of charts, which is filled afterwards. */
export class ChartRepository implements AsyncDisposable {
  readonly directory: string
  readonly url: string
  readonly #stack: AsyncDisposableStack

  private constructor(directory: string, url: string, stack: AsyncDisposableStack) {
    this.directory = directory
    this.url = url
    this.#stack = stack
  }

  static async open(): Promise<ChartRepository> {
    const stack = new AsyncDisposableStack()
    const directory = await mkdtemp(join(tmpdir(), 'chart-repository-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const server = createServer((request, response) => {
      readFile(join(directory, basename(request.url ?? ''))).then(
        (content) => void response.end(content),
        () => void response.writeHead(404).end(),
      )
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    stack.defer(() => void server.close())
    const { port } = server.address() as AddressInfo
    return new ChartRepository(directory, `http://127.0.0.1:${port}`, stack)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]()
  }
}
