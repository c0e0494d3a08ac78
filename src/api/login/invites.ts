import { renderSVG } from 'uqr'
import {
  DEFAULT_INVITE_TTL_MS,
  DEFAULT_RESET_TTL_MS,
  type InviteKind,
  MAX_INVITE_TTL_MS,
  MAX_RESET_TTL_MS,
  MIN_PASSWORD_CHARS,
  otpUri,
  passwordAdvice,
} from '../../authn/index.ts'
import { formatDuration, hostOf } from '../../core/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { explainBusy, throttled } from './throttled.ts'

type InviteHandlers = Pick<Handlers, 'users.invites.create' | 'invites.describe' | 'invites.accept'>

const TTL: Readonly<Record<InviteKind, { defaultMs: number; maxMs: number }>> = {
  invite: { defaultMs: DEFAULT_INVITE_TTL_MS, maxMs: MAX_INVITE_TTL_MS },
  reset: { defaultMs: DEFAULT_RESET_TTL_MS, maxMs: MAX_RESET_TTL_MS },
}

/** Links with which users set their passwords: made by administrators, used by whoever holds one. */
export function inviteHandlers(deps: ApiDeps, audit: ApiAudit): InviteHandlers {
  const { stores, localUsers, clusterName, secondFactor } = deps
  const { invites, logins } = localUsers
  /** A link that is none: nobody guesses one, but whoever tries is slowed down. One that is, works nevertheless. */
  const refuse = (address: string): ApiError => {
    const waitMs = logins.countStray(hostOf(address))
    return waitMs > 0 ? throttled(waitMs) : inviteInvalid()
  }
  return {
    'users.invites.create': async ({ caller, params, body }) => {
      const { name } = params
      const ttlMs = ttlOf(body.kind, body.ttl_ms)
      await stores.users.read(name)
      const fields = { name, kind: body.kind, ttl: formatDuration(ttlMs) }
      const made = await audit.change(caller, 'reset_password_token.create', fields, async () => {
        const link = await invites.create(name, body.kind, ttlMs)
        // Deleted in between: what was just made must not wait for a later user of this name.
        if ((await stores.users.find(name)) === null) await localUsers.forget(name)
        await stores.users.read(name)
        return link
      })
      const path = `/web/${body.kind}/${made.token}`
      return {
        token: made.token,
        path,
        url: deps.webUrl === null ? null : deps.webUrl + path,
        expires: new Date(made.expiresAtMs).toISOString(),
      }
    },

    'invites.describe': async ({ caller, body }) => {
      const found = await invites.find(body.token)
      if (found === null) throw refuse(caller.address)
      const { user, kind, expiresAtMs } = found
      await audit.note(caller, 'reset_password_token.read', { name: user, kind })
      const secret = await invites.renewSecret(body.token)
      if (secret === null) throw refuse(caller.address)
      return {
        user,
        kind,
        expires: new Date(expiresAtMs).toISOString(),
        cluster_name: clusterName,
        second_factor: secondFactor,
        min_password_length: MIN_PASSWORD_CHARS,
        otp: secondFactor === 'off' ? null : authenticator(secret, clusterName, user),
      }
    },

    'invites.accept': async ({ caller, body }) => {
      const { token, password } = body
      const { address } = caller
      const accepted = await invites.accept({
        token,
        password,
        otp: body.otp ?? null,
        address: hostOf(address),
      })
      switch (accepted.kind) {
        case 'invalid':
          throw refuse(address)
        case 'weak':
          throw new ApiError('PASSWORD_WEAK', passwordAdvice[accepted.problem])
        case 'otp-wrong':
          throw otpWrong()
        case 'ready':
          break
      }
      const { user } = accepted
      const roles = (await stores.users.find(user))?.spec.roles ?? []
      const fields = { second_factor: secondFactor === 'off' ? 'off' : 'otp' }
      await audit.change({ user, roles, address }, 'user.password_change', fields, async () => {
        const became = await accepted.commit().catch(explainBusy)
        if (became === 'otp-wrong') throw otpWrong()
        if (became === 'invalid') throw inviteInvalid()
        logins.unlock(user)
      })
      return { user }
    },
  }
}

function ttlOf(kind: InviteKind, asked: number | undefined): number {
  const { defaultMs, maxMs } = TTL[kind]
  const ttlMs = asked ?? defaultMs
  if (ttlMs <= maxMs) return ttlMs
  throw new ApiError(
    'BAD_REQUEST',
    `ttl: a link to ${kind === 'reset' ? 'reset a password' : 'accept an invitation'} lives for ${formatDuration(maxMs)} at most`,
  )
}

function authenticator(
  secret: string,
  issuer: string,
  user: string,
): { secret: string; uri: string; qr_svg: string } {
  const uri = otpUri({ secret, issuer, user })
  return { secret, uri, qr_svg: renderSVG(uri) }
}

const otpWrong = (): ApiError =>
  new ApiError(
    'OTP_WRONG',
    'the one-time code is wrong: take the one that the app shows now, and see that the clock of the device is right. Every look at the link makes a new secret: scan the code that was shown last. If you looked once, somebody else has the link too: ask your administrator for another',
  )

/** The same for a link that never was, was used, was replaced, or is too old. */
const inviteInvalid = (): ApiError =>
  new ApiError(
    'INVITE_INVALID',
    'this link is not valid (any more): links work once and for a short time. An administrator makes a new one with "tctl users reset"',
  )
