import type { Reporter, TestModule } from 'vitest/node'

/**
 * Counts every test, prints `N passed, N failed`, and names what was skipped. With CI_REQUIRE_ALL=1 a skipped test or a
 * run without tests is a failure: a machine that is to prove everything must not look green by leaving things out. Only what
 * says in its name that it is optional, as it needs a program that such a machine need not have, may be left out there.
 */
export default class SkipGate implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    const skipped: string[] = []
    for (const module of modules) {
      if (module.errors().length > 0) count.failed += 1
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        count[state] += 1
        if (state === 'skipped' || state === 'pending') skipped.push(test.fullName)
      }
    }
    for (const name of skipped) process.stdout.write(`skipped: ${name}\n`)
    if (process.env['CI_REQUIRE_ALL'] === '1') {
      const missed = skipped.filter((name) => !OPTIONAL.test(name))
      if (missed.length > 0) fail(`${missed.length} tests were skipped that must run here`)
      if (count.passed + count.failed === 0) fail('no test ran')
    }
    process.stdout.write(
      `${count.passed} passed, ${count.failed} failed, ${skipped.length} skipped\n`,
    )
  }
}

const OPTIONAL = /\(optional: [^)]+\)/

function fail(why: string): void {
  process.stdout.write(`failed: ${why}\n`)
  process.exitCode = 1
}
