import { Command } from 'commander'
import type { RecordingResource } from '../../contract/index.ts'
import { printable } from '../../core/index.ts'
import { CliError } from '../errors.ts'
import { print } from '../io.ts'
import { examples } from '../run.ts'
import type { TctlContext } from './context.ts'
import { verifyRecording } from './verify-recording.ts'

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** A recording of everybody's examples. */
const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'

/** `tctl recordings` */
export function recordingsCommand({ io, connect }: TctlContext): Command {
  const rm = new Command('rm')
    .description('remove recordings for good; audited')
    .argument('<id...>', 'of the sessions (see tsh recordings ls)')
    .action(async (ids: readonly string[]) => {
      assertIds(ids)
      using client = await connect()
      for (const id of ids) {
        const { recording } = await client.call('recordings.remove', { params: { id } })
        print(io, `recording ${id}${recording === null ? '' : whose(recording)} is removed`)
      }
    })
  const verify = new Command('verify')
    .description('hold recordings against the audit log: whether each is as it was taken in')
    .argument('<id...>', 'of the sessions (see tsh recordings ls)')
    .action(async (ids: readonly string[]) => {
      assertIds(ids)
      using client = await connect()
      for (const id of ids) {
        const recording = await verifyRecording(client, id)
        print(io, `recording ${id}${whose(recording)} is as it was taken in`)
      }
    })
  const command = new Command('recordings')
    .description('recordings of sessions, as they are kept')
    .addCommand(examples(rm, [`tctl recordings rm ${ID}`]))
    .addCommand(examples(verify, [`tctl recordings verify ${ID}`]))
  return command.addHelpText(
    'after',
    `
Examples:
  $ tctl recordings rm ${ID}
  $ tctl recordings verify ${ID}

By age they are removed by themselves where auth_service.session_recording_retention says so.
To list and watch them: tsh recordings ls, tsh play.`,
  )
}

function assertIds(ids: readonly string[]): void {
  const wrong = ids.find((id) => !SESSION_ID.test(id))
  if (wrong === undefined) return
  throw new CliError('USAGE', `${printable(wrong)} is no id of a session`, {
    hint: 'see "tsh recordings ls" for those that are kept',
  })
}

const whose = ({ user, kube_cluster, namespace, pod }: RecordingResource): string =>
  ` of ${printable(user)} in ${printable(`${kube_cluster}/${namespace}/${pod}`)}`
