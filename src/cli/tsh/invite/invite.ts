import { renderUnicodeCompact } from 'uqr'
import {
  ApiCallError,
  ApiClient,
  caPinsOf,
  openChannel,
  parseCaPin,
  shellWord,
} from '../../../client/index.ts'
import type { ResponseOf } from '../../../contract/index.ts'
import { CliError } from '../../errors.ts'
import { printable } from '../../format.ts'
import { print, readAll, say } from '../../io.ts'
import type { TshContext } from '../context.ts'
import { confirmer, sayTrust } from '../login/authenticate.ts'
import { instant } from '../time.ts'
import { parseInviteLink } from './parse-invite-link.ts'

export interface InviteFlags {
  readonly caPin?: readonly string[]
  readonly insecure?: boolean
  readonly passwordStdin?: boolean
}

type Invitation = ResponseOf<'invites.describe'>

/**
 * `tsh invite`: what the page behind the link does, in a terminal. Token, password and code go to the auth service end to
 * end; the proxy, which serves the page, sees none of them.
 */
export async function acceptInvite(
  context: TshContext,
  given: string | undefined,
  flags: InviteFlags,
): Promise<void> {
  const { world, store } = context
  const { io } = world
  const lines = flags.passwordStdin === true ? (await readAll(io.stdin)).split(/\r?\n/) : []
  const link = given ?? (flags.passwordStdin === true ? lines.shift() : await askLink(context))
  const { proxy, token } = parseInviteLink(link ?? '')
  const channel = await openChannel({
    proxy,
    known: await store.known(proxy.text),
    pins: (flags.caPin ?? []).map(parseCaPin),
    insecure: flags.insecure === true,
    confirm: confirmer(context, proxy),
    upgrade: context.upgrade(),
    now: world.now,
    signal: io.signal,
  })
  sayTrust(context, channel, proxy)
  using client = new ApiClient(channel.connection)
  const invitation = await client.call('invites.describe', { body: { token } })
  say(
    io,
    `This link is for "${printable(invitation.user)}" of ${printable(invitation.cluster_name)}; it works once, until ${instant(Date.parse(invitation.expires))}.`,
  )
  await (flags.passwordStdin === true
    ? acceptFromStdin(client, token, invitation, lines[0] ?? '')
    : acceptByAsking(context, client, token, invitation))
  print(io, `The password of "${printable(invitation.user)}" is set.`)
  const pins = caPinsOf(channel.description.host_ca).map((pin) => ` --ca-pin=${pin}`)
  say(
    io,
    `next: tsh login --proxy=${proxy.text} --user=${shellWord(invitation.user)}${pins.join('')}`,
  )
}

/** What the person types may be refused, with words; the link stays good, so he is asked again. */
async function acceptByAsking(
  context: TshContext,
  client: ApiClient,
  token: string,
  invitation: Invitation,
): Promise<void> {
  const { io, prompts } = context.world
  if (prompts === null) {
    throw new CliError('NO_TERMINAL', 'a password must be chosen, and nobody is here to do it', {
      hint: 'run it in a terminal, or open the link in a browser, or give --password-stdin',
    })
  }
  if (invitation.otp !== null) sayOtp(context, invitation.otp)
  for (;;) {
    const password = await prompts.secret(
      `New password, at least ${invitation.min_password_length} characters: `,
    )
    // Before it is typed once more, and a code is used up.
    if ([...password].length < invitation.min_password_length) {
      say(io, `tsh: ${tooShort(invitation.min_password_length)}`)
      continue
    }
    if ((await prompts.secret('The same again: ')) !== password) {
      say(io, 'tsh: the two are not the same')
      continue
    }
    const otp = invitation.otp === null ? {} : { otp: await prompts.ask('Code of the app: ') }
    try {
      await client.call('invites.accept', { body: { token, password, ...otp } })
      return
    } catch (error) {
      if (!(error instanceof ApiCallError) || !CORRECTABLE.has(error.code)) throw error
      say(io, `tsh: ${error.message}`)
    }
  }
}

const tooShort = (least: number): string =>
  `the password has fewer than ${least} characters: four or five unrelated words are easy to remember`

/** Refusals after which the same link may be tried again. */
const CORRECTABLE: ReadonlySet<string> = new Set(['PASSWORD_WEAK', 'OTP_WRONG', 'BAD_REQUEST'])

/** Not shown while it is typed: whoever has it first becomes the user. */
async function askLink({ world }: TshContext): Promise<string> {
  if (world.prompts !== null) return world.prompts.secret('The link: ')
  throw new CliError('NO_TERMINAL', 'which link? nobody is here to say it', {
    hint: 'give it as an argument, or as the first line of stdin with --password-stdin',
  })
}

async function acceptFromStdin(
  client: ApiClient,
  token: string,
  invitation: Invitation,
  password: string,
): Promise<void> {
  if (invitation.otp !== null) {
    throw new CliError('USAGE', 'this cluster asks for a one-time code, which needs a person', {
      hint: 'run it in a terminal without --password-stdin, or open the link in a browser',
    })
  }
  if (password === '') throw new CliError('USAGE', 'there is no password on stdin')
  await client.call('invites.accept', { body: { token, password } })
}

function sayOtp({ world }: TshContext, otp: NonNullable<Invitation['otp']>): void {
  const { io } = world
  say(io, '\nScan this with an authenticator app:\n')
  say(io, renderUnicodeCompact(otp.uri, { border: 2 }))
  say(io, `\nor type it there: ${printable(otp.secret)}\n`)
}
