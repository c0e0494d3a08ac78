import { resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeTeleport } from '../../support/fake-teleport.ts'
import { Running } from '../../support/process.ts'
import { Person } from '../../support/tsh.ts'

const TSH = resolve(import.meta.dirname, '../../../bin/tsh')

/** The real program at a real terminal, whose person thinks better of it. */
describe('ctrl-c at a question of tsh login', () => {
  let teleport: FakeTeleport
  let joe: Person
  beforeEach(async () => {
    teleport = await FakeTeleport.start({ kubeClusters: [] })
    joe = await Person.arrive()
  })
  afterEach(async () => {
    await joe[Symbol.asyncDispose]()
    await teleport[Symbol.asyncDispose]()
  })

  it.each([
    ['for the pin', '(yes/no', [], '\u0003'],
    ['for the password', 'Password for joe', ['yes\r'], '\u0003'],
    ['for the password, half typed', 'Password for joe', ['yes\r'], 'half of it\u0003'],
    ['for the password, by ctrl-d', 'Password for joe', ['yes\r'], '\u0004'],
  ])(
    '%s ends it with 130, nothing sent, nothing kept, and the terminal as it was',
    async (_what, question, before, key) => {
      const login = `${TSH} login --proxy=${teleport.proxy} --user=joe`
      await using terminal = new Running(
        'script',
        ['-qefc', `${login}; echo "code $?"; stty -a; ls -A .tsh/profiles 2>&1`, '/dev/null'],
        { cwd: joe.home, env: { ...process.env, TERM: 'dumb', HOME: joe.home, TELEPORT_HOME: '' } },
      )
      for (const answer of before) {
        await terminal.until(({ stdout }) => stdout.includes('(yes/no'))
        terminal.child.stdin?.write(answer)
      }
      await terminal.until(({ stdout }) => stdout.includes(question))
      terminal.child.stdin?.write(key)
      await terminal.ended()
      expect(terminal.stdout).toContain('code 130')
      expect(terminal.stdout).toMatch(/[^-]echo\b/)
      expect(terminal.stdout).toMatch(/[^-]icanon\b/)
      expect(terminal.stdout).not.toContain('half of it')
      expect(terminal.stdout).not.toContain('joe@')
      expect(teleport.seen.filter(({ method }) => method === 'POST')).toEqual([])
    },
  )
})
