import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Io } from '../io.ts'
import { type Prompts, terminalPrompts } from './prompts.ts'

/** What tsh takes from its surroundings; tests give another. */
export interface TshWorld {
  readonly io: Io
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Null where nobody can be asked. */
  readonly prompts: Prompts | null
  readonly userHome: string
  readonly platform: NodeJS.Platform
  /** The words that start this tsh again, whatever the directory: they stand in scripts. */
  readonly launcher: readonly string[]
  /** Passes ctrl-c on to whoever started us, as the terminal would have done. */
  readonly interruptCaller: () => void
}

/** The world as it is. */
export function realWorld(io: Io): TshWorld {
  const { stdin, stderr } = process
  return {
    io,
    now: () => Date.now(),
    prompts: stdin.isTTY === true && stderr.isTTY === true ? terminalPrompts(stdin, stderr) : null,
    userHome: homedir(),
    platform: process.platform,
    launcher: launcherOf(import.meta.url, process.argv[1]),
    interruptCaller: () => void process.kill(0, 'SIGINT'),
  }
}

/** In a checkout `bin/tsh`, which finds the right Node; else this Node with the file that it was started with. */
export function launcherOf(ownUrl: string, mainFile: string | undefined): readonly string[] {
  const own = fileURLToPath(ownUrl)
  const checkout = /^(.*)[/\\]src[/\\]cli[/\\]tsh[/\\]world\.ts$/.exec(own)?.[1]
  if (checkout !== undefined) return [resolve(checkout, 'bin', 'tsh')]
  return mainFile === undefined ? [process.execPath] : [process.execPath, resolve(mainFile)]
}
