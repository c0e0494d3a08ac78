import type { Bench } from './bench.ts'
import { median, OTHERS, run } from './support.ts'

/** The first ones fill caches of files, of compiled code and of discovery. */
const WARM_UP_ROUNDS = 3

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** The median wall time of each, in milliseconds; they run in turn, on the processor where nobody serves. */
export async function wallMs<Name extends string>(
  { quick }: Pick<Bench, 'quick'>,
  commands: Readonly<Record<Name, Command>>,
  { rounds = quick ? 8 : 40, warmUpRounds = WARM_UP_ROUNDS, cpu = OTHERS } = {},
): Promise<Record<Name, number>> {
  const each = Object.entries(commands) as [Name, Command][]
  const times = Object.fromEntries(each.map(([name]) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >
  for (let round = 0; round < rounds + warmUpRounds; round += 1) {
    for (const [name, { program, args, env }] of each) {
      const began = performance.now()
      await run('taskset', ['-c', cpu, program, ...args], env)
      if (round >= warmUpRounds) times[name].push(performance.now() - began)
    }
  }
  return Object.fromEntries(each.map(([name]) => [name, median(times[name])])) as Record<
    Name,
    number
  >
}
