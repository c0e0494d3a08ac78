import { shellWord } from '../../../client/index.ts'
import { parseFormat, renderOne } from '../../format.ts'
import { print } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { findProfile } from '../session.ts'

const NAMES = ['TELEPORT_PROXY', 'TELEPORT_USER'] as const

/** `tsh env`: what makes other shells, and other commands in them, mean this login. */
export async function env(
  context: TshContext,
  flags: { readonly format: string; readonly unset?: boolean },
): Promise<void> {
  const { io } = context.world
  const format = parseFormat(flags.format)
  if (flags.unset === true) {
    print(io, NAMES.map((name) => `unset ${name}`).join('\n'))
    return
  }
  const { profile } = await findProfile(context)
  const values = { TELEPORT_PROXY: profile.proxy, TELEPORT_USER: profile.user }
  const lines = NAMES.map((name) => `export ${name}=${shellWord(values[name])}`)
  print(
    io,
    renderOne(format, values, () => lines.join('\n')),
  )
}
