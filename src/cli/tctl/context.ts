import { homedir } from 'node:os'
import { ApiClient } from '../../client/index.ts'
import { type Io, say } from '../io.ts'
import { type ConnectionFlags, chooseConnection } from './connection/choose.ts'

/** What every tctl command works with. `connect` costs something, so `--help` never calls it. */
export interface TctlContext {
  readonly io: Io
  /** The management API, as whoever the flags and the surroundings name. */
  connect(): Promise<ApiClient>
}

export function tctlContext(io: Io, flags: () => ConnectionFlags): TctlContext {
  return {
    io,
    connect: async () => {
      const { connection, warning } = await chooseConnection(flags(), {
        env: io.env,
        nowMs: Date.now(),
        userHome: homedir(),
      })
      if (warning !== null) say(io, `tctl: ${warning}`)
      return new ApiClient(connection)
    },
  }
}
