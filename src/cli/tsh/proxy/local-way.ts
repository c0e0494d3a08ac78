import {
  type LocalProxy,
  openLocalProxy,
  parseProxyAddress,
  upgradeDial,
} from '../../../client/index.ts'
import { printable } from '../../format.ts'
import { say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import type { Session } from '../session.ts'

/** Failures of connections come in crowds; each kind is told once in this time. */
const TELL_AGAIN_AFTER_MS = 10_000

/** A port of this machine that leads to the proxy of a session inside a WebSocket. */
export function openLocalWay(
  context: TshContext,
  { profile }: Session,
  port: number,
): Promise<LocalProxy> {
  const proxy = parseProxyAddress(profile.proxy, 'profile')
  return openLocalProxy({
    port,
    target: { hostname: proxy.host, port: proxy.port },
    dial: upgradeDial(),
    onFailure: teller(context),
  })
}

/** Says why connections fail, without saying the same all the time. */
function teller({ world }: TshContext): (words: string) => void {
  const told = new Map<string, number>()
  return (words) => {
    const now = world.now()
    if (now - (told.get(words) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_AFTER_MS) return
    told.set(words, now)
    say(world.io, `tsh: ${printable(words)}`)
  }
}
