import { printable, versionSkew } from '../../core/index.ts'
import { type Io, say } from '../io.ts'
import { ownVersion } from '../version.ts'

/** Says when this program and the server do not go together; it goes on nevertheless, since most still works. */
export function warnOfSkew(io: Io, server: string, own = ownVersion()): void {
  const skew = versionSkew(server, own)
  if (skew === null) return
  const advice =
    skew === 'newer'
      ? 'it is newer than the server, which may not know what it asks for: use the tsh of the server'
      : 'it is more than one major version behind: install the tsh of the server'
  say(io, `tsh: this is version ${own}, and the server is ${printable(server)}: ${advice}`)
}
