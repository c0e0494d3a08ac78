import { BlockList, isIP } from 'node:net'
import type { Address } from './connect-tcp.ts'
import { DialError } from './errors.ts'

/** Which connections go through which proxy. */
export interface ProxyRules {
  /** Null: none. */
  readonly proxy: URL | null
  /** Whom NO_PROXY names. */
  readonly direct: (address: Address) => boolean
}

const KINDS: ReadonlySet<string> = new Set(['http:', 'https:', 'socks5:', 'socks5h:'])

/**
 * What HTTPS_PROXY and NO_PROXY say, in capitals or not, with the meaning that they have for Go's programs and for curl. Throws
 * DialError PROXY_ENV_INVALID, without the credentials that a proxy's address may hold.
 */
export function proxyRules(env: Readonly<Record<string, string | undefined>>): ProxyRules {
  const text = env['HTTPS_PROXY'] || env['https_proxy'] || ''
  return { proxy: proxyUrl(text), direct: noProxy(env['NO_PROXY'] || env['no_proxy'] || '') }
}

/** The proxy of a connection; null: none. */
export const proxyFor = ({ proxy, direct }: ProxyRules, address: Address): URL | null =>
  proxy === null || isLoopback(address.hostname) || direct(address) ? null : proxy

function proxyUrl(text: string): URL | null {
  if (text === '') return null
  const url = URL.parse(/^[a-z0-9]+:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || !KINDS.has(url.protocol) || url.hostname === '') {
    throw new DialError(
      'PROXY_ENV_INVALID',
      'HTTPS_PROXY is no address of a proxy like http://proxy.example.com:3128 (http, https or socks5)',
    )
  }
  return url
}

/** Hosts, `.domain` and `domain` (with what is below it), addresses, networks; each with a port or without; `*` is everything. */
function noProxy(text: string): ProxyRules['direct'] {
  const networks = new BlockList()
  const names: { readonly name: string; readonly port: number | null }[] = []
  let all = false
  for (const entry of text.split(',').map((part) => part.trim().toLowerCase())) {
    if (entry === '') continue
    if (entry === '*') all = true
    else if (!addNetwork(networks, entry)) names.push(nameOf(entry))
  }
  return ({ hostname, port }) => {
    if (all) return true
    const host = hostname.toLowerCase()
    const family = isIP(host)
    if (family !== 0 && networks.check(host, family === 4 ? 'ipv4' : 'ipv6')) return true
    return names.some(
      (one) =>
        (one.port === null || one.port === port) &&
        (host === one.name || (family === 0 && host.endsWith(`.${one.name}`))),
    )
  }
}

function addNetwork(networks: BlockList, entry: string): boolean {
  const [, address = '', bits] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
  const family = isIP(address)
  if (family === 0) return false
  const most = family === 4 ? 32 : 128
  const prefix = bits === undefined ? most : Number(bits)
  if (prefix > most) return false
  networks.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  return true
}

function nameOf(entry: string): { name: string; port: number | null } {
  const [, name = entry, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(entry) ?? []
  return {
    name: name.replace(/^\*?\./, '').replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? null : Number(port),
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
