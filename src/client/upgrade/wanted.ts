import { ClientError } from '../errors.ts'

/** Whether connections to a proxy go inside a WebSocket; `auto`: where one answers and what is behind it does not. */
export type Upgrade = 'auto' | 'always' | 'never'

/** What $TELEPORT_TLS_ROUTING_CONN_UPGRADE says; `auto` when it says nothing. Throws ClientError UPGRADE_INVALID. */
export function upgradeOf(env: Readonly<Record<string, string | undefined>>): Upgrade {
  const text = env['TELEPORT_TLS_ROUTING_CONN_UPGRADE'] ?? ''
  if (text === '') return 'auto'
  if (/^(?:1|t|true|y|yes|on)$/i.test(text)) return 'always'
  if (/^(?:0|f|false|n|no|off)$/i.test(text)) return 'never'
  throw new ClientError(
    'UPGRADE_INVALID',
    '$TELEPORT_TLS_ROUTING_CONN_UPGRADE is neither yes nor no',
    { hint: 'without it the way is found out' },
  )
}
