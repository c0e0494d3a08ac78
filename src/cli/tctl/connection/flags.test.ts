import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import type { ConnectionFlags } from './choose.ts'
import { connectionFlags } from './flags.ts'

/** Two commands, one of them with a `--proxy` of its own. */
async function parse(argv: string): Promise<{ flags: ConnectionFlags; own: unknown }> {
  let own: unknown
  const program = new Command('tctl').exitOverride()
  const users = new Command('users').addCommand(new Command('ls').action(() => {}))
  const sign = new Command('sign').option('--proxy <address>').action((options: unknown) => {
    own = options
  })
  program.addCommand(users).addCommand(new Command('auth').addCommand(sign))
  const flags = connectionFlags(program)
  await program.parseAsync(argv.split(' '), { from: 'user' })
  return { flags: flags(), own }
}

describe('connectionFlags()', () => {
  it.each<[string, ConnectionFlags]>([
    ['users ls', {}],
    ['-c t.yaml users ls', { config: 't.yaml' }],
    ['users -c t.yaml ls', { config: 't.yaml' }],
    ['users ls -c t.yaml', { config: 't.yaml' }],
    ['users ls --config=t.yaml', { config: 't.yaml' }],
    ['-i id.pem --auth-server=h:1 users ls', { identity: 'id.pem', authServer: 'h:1' }],
    ['users ls -i id.pem --proxy h:1', { identity: 'id.pem', proxy: 'h:1' }],
    ['-i outer users ls -i inner', { identity: 'inner' }],
    ['--proxy h:1 auth sign', { proxy: 'h:1' }],
    ['auth sign --proxy h:1', {}],
    ['--proxy h:1 auth sign --proxy kube:2 -i id.pem', { proxy: 'h:1', identity: 'id.pem' }],
  ])('tctl %s', async (argv, flags) => {
    expect((await parse(argv)).flags).toEqual(flags)
  })

  it('leaves a command its own flag of the same name', async () => {
    expect((await parse('--proxy h:1 auth sign --proxy kube:2')).own).toMatchObject({
      proxy: 'kube:2',
    })
    expect((await parse('--proxy h:1 auth sign')).own).not.toHaveProperty('proxy')
  })
})
