import type { Reporter, TestModule } from 'vitest/node'

/** As many as say where the time of a whole run went. */
const SHOWN = 25
/** Who shows fewer files than that is looking at them anyway. */
const WHOLE_RUN = 50

export interface FileTime {
  readonly name: string
  readonly ms: number
}

/** Says at the end of a whole run which files took longest: whoever finds it too slow knows where to begin. */
export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => {
      const { duration, collectDuration } = module.diagnostic()
      return { name: module.relativeModuleId, ms: duration + collectDuration }
    })
    if (files.length >= WHOLE_RUN)
      for (const line of slowest(files)) process.stdout.write(`${line}\n`)
  }
}

/** Lines of the longest files, the longest first. */
export function slowest(files: readonly FileTime[], shown = SHOWN): string[] {
  const sorted = files.toSorted((a, b) => b.ms - a.ms).slice(0, shown)
  return sorted.map(({ name, ms }) => `${(ms / 1000).toFixed(1).padStart(8)} s  ${name}`)
}
