import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { codecs } from './codecs.ts'

/*
 * Gives inputs that are right, nearly right or noise to each codec that reads bytes from outside. An error without a code is a finding, as is
 * an input that takes longer than ten seconds; both are told with what brings them back.
 */
const HELP = `npm run fuzz -- [options]

Gives bytes that are right, nearly right or noise to each codec that reads bytes from outside (docs/fuzz.md).

  --inputs <n>     of each codec (default: 1000000)
  --only <codecs>  some of them, with commas between them
  --seed <n>       where inputs come from, with their numbers (default: another one each time)
  --from <n>       the number of the first input (default: 0)
  --help           this text

Codecs: ${Object.keys(codecs).join(', ')}

Examples:
  $ npm run fuzz
  $ npm run fuzz -- --inputs=10000000 --only=spdy-frames,record
  $ npm run fuzz -- --only=record --seed=7 --from=42 --inputs=1
`
const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    only: { type: 'string', default: Object.keys(codecs).join(',') },
    seed: { type: 'string', default: String(Date.now() % 0x1_0000_0000) },
    from: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(HELP)
  process.exit()
}

const HANG_MS = 10_000
const numberOf = (name: 'inputs' | 'seed' | 'from'): number => {
  const value = Number(values[name])
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`--${name} must be a number`)
  return value
}

const [seed, from, inputs] = [numberOf('seed'), numberOf('from'), numberOf('inputs')]
const names = values.only.split(',')
for (const name of names) {
  if (!(name in codecs))
    throw new TypeError(`--only: ${name} is none of ${Object.keys(codecs).join(', ')}`)
}

console.log(`seed ${seed}, ${inputs} inputs of each codec, from ${from}`)
for (const name of names) {
  const startedMs = Date.now()
  const finding = await watched(name)
  const seconds = (Date.now() - startedMs) / 1000
  if (finding === null) {
    console.log(`${name}: ${inputs} inputs, no finding, ${seconds.toFixed(1)} s`)
  } else {
    console.error(finding)
    process.exitCode = 1
  }
}

/** What went wrong, or null. */
function watched(codec: string): Promise<string | null> {
  const at = new SharedArrayBuffer(8)
  const place = new BigInt64Array(at)
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { codec, seed, from, inputs, at },
    })
    let last: bigint | null = null
    const timer = setInterval(() => {
      const now = place[0] ?? 0n
      if (now === last) {
        done(
          `${codec}: an input takes longer than ${HANG_MS / 1000} s\nagain: npm run fuzz -- --only=${codec} --seed=${seed} --from=${now} --inputs=1`,
        )
      }
      last = now
    }, HANG_MS)
    const done = (finding: string | null): void => {
      clearInterval(timer)
      void worker.terminate()
      resolve(finding)
    }
    worker.once('message', () => done(null))
    worker.once('error', (error: Error) => {
      const isFinding = error.message.includes('--from=')
      // What broke between two inputs is told with the one that was read last.
      done(
        isFinding
          ? error.message
          : `${codec}: ${error.stack ?? ''}\nat or before input ${place[0] ?? 0n}, seed ${seed}`,
      )
    })
  })
}
