import { type Codec, codecs } from './codecs.ts'
import { randomOf } from './random.ts'

/** Why an input is a finding, and how it comes again. */
export class Finding extends Error {
  override readonly name = 'Finding'
  readonly index: number

  constructor(codec: string, seed: number, index: number, cause: unknown) {
    super(
      `${codec}: ${told(cause)}\nagain: npm run fuzz -- --only=${codec} --seed=${seed} --from=${index} --inputs=1`,
      { cause },
    )
    this.index = index
  }
}

function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const because = error.cause === undefined ? '' : `\nbecause of ${told(error.cause)}`
  return `${error.stack ?? error.message}${because}`
}

/** Inputs between two looks at the event loop, where streams end what they began. */
const TURN = 256

/** Runs inputs of one codec. Rejects with a Finding. */
export async function fuzz(
  name: string,
  range: { readonly seed: number; readonly from: number; readonly inputs: number },
  onBegin: (index: number) => void = () => {},
): Promise<void> {
  const codec: Codec | undefined = codecs[name]
  if (codec === undefined) throw new TypeError(`no codec is called ${JSON.stringify(name)}`)
  const { seed, from, inputs } = range
  for (let index = from; index < from + inputs; index += 1) {
    onBegin(index)
    try {
      codec(randomOf(seed, name, index))
    } catch (error) {
      throw new Finding(name, seed, index, error)
    }
    if (index % TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}
