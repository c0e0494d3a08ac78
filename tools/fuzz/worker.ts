import { parentPort, workerData } from 'node:worker_threads'
import { fuzz } from './run.ts'

export interface FuzzJob {
  readonly codec: string
  readonly seed: number
  readonly from: number
  readonly inputs: number
  /** The number of the input that is being read, for whoever watches. */
  readonly at: SharedArrayBuffer
}

const { codec, at, ...range } = workerData as FuzzJob
const place = new BigInt64Array(at)
await fuzz(codec, range, (index) => {
  place[0] = BigInt(index)
})
parentPort?.postMessage('done')
