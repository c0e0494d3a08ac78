import { type ProxyAddress, parseProxyAddress } from '../../../client/index.ts'
import { CliError } from '../../errors.ts'

/**
 * The proxy and the token of `https://proxy/web/invite/<32 hex>` or `…/web/reset/…`. Throws CliError USAGE, which does not
 * repeat what was given: a token is a secret.
 */
export function parseInviteLink(link: string): { proxy: ProxyAddress; token: string } {
  const url = URL.canParse(link.trim()) ? new URL(link.trim()) : null
  const token = /^\/web\/(?:invite|reset)\/([0-9a-f]{32})\/?$/.exec(url?.pathname ?? '')?.[1]
  if (url === null || url.protocol !== 'https:' || url.username !== '' || token === undefined) {
    throw new CliError('USAGE', 'this is not the link of an invitation', {
      hint: 'it looks like https://teleport.example.com:3080/web/invite/…, as "tctl users add" prints it',
    })
  }
  return { proxy: parseProxyAddress(`${url.hostname}:${url.port || '443'}`, 'the link'), token }
}
