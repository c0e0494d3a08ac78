import { Command, Option } from 'commander'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { formatFlag } from '../flags.ts'
import { addAgeFlag } from './age-flag.ts'
import type { ExportFlags } from './export.ts'
import type { RecordingsLsFlags } from './ls.ts'
import type { OpenFlags } from './open.ts'

/** A recording of everybody's examples. */
const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'

/** `tsh recordings` */
export function recordingsCommand(context: TshContext): Command {
  const command = new Command('recordings')
    .description('find, watch and export recorded sessions')
    .addCommand(lsCommand(context))
    .addCommand(openCommand(context))
    .addCommand(exportCommand(context))
  return examples(command, [
    'tsh recordings ls --last=8h',
    `tsh play ${ID}`,
    `tsh recordings export ${ID} --out=session.cast`,
  ])
}

function lsCommand(context: TshContext): Command {
  const command = new Command('ls')
    .alias('list')
    .description('list recordings, newest first: your own, and those that your roles show')
    .option('--from-utc <time>', 'begun then or later: 2026-01-31, 2026-01-31T09:00:00Z')
    .option('--to-utc <time>', 'begun before')
    .option('--last <duration>', 'begun within the last: 5h, 30m (a day, when no time is given)')
    .option('--limit <n>', 'at most so many', '50')
    .addOption(
      new Option('--kube-cluster <name>', 'in this Kubernetes cluster').conflicts('cluster'),
    )
    .option('-c, --cluster <name>', 'the same')
    .option('--session-user <name>', 'of this person')
    .option('--namespace <name>', 'in this namespace')
    .option('--pod <name>', 'in this pod')
    .addOption(formatFlag())
    .action(async (flags: RecordingsLsFlags) => {
      const { recordingsLs } = await import('./ls.ts')
      await recordingsLs(context, flags)
    })
  return examples(command, [
    'tsh recordings ls',
    'tsh recordings ls --last=5h --kube-cluster=prod',
    'tsh recordings ls --from-utc=2026-01-01 --to-utc=2026-02-01 --session-user=joe',
    'tsh recordings ls --format=json | jq -r .[].session_id',
  ])
}

function openCommand(context: TshContext): Command {
  const command = new Command('open')
    .description('print a link that shows a recording in one browser, for five minutes')
    .argument('<id>', 'of the recording (see tsh recordings ls)')
    .option('--browser', 'open it at once in the browser of this machine')
    .action(async (id: string, flags: OpenFlags) => {
      const { openInBrowser } = await import('./open.ts')
      await openInBrowser(context, id, flags)
    })
  return examples(command, [`tsh recordings open ${ID}`, `tsh recordings open --browser ${ID}`])
}

function exportCommand(context: TshContext): Command {
  const command = new Command('export')
    .alias('download')
    .description('write a recording into a file, or to stdout')
    .argument('<recording>', 'its id (see tsh recordings ls), or a file that was exported raw')
    .addOption(
      new Option(
        '-f, --format <format>',
        'cast: asciicast v2 for players; text: what was printed; json: every frame; raw: the record, as it is verified',
      )
        .choices(['cast', 'text', 'json', 'raw'])
        .default('cast'),
    )
    .option('--out <file>', 'the file (default: stdout); only you can read it')
    .option('--overwrite', 'replace the file if it exists')
  addAgeFlag(command).action(async (what: string, flags: ExportFlags) => {
    const { exportRecording } = await import('./export.ts')
    await exportRecording(context, what, flags)
  })
  return examples(command, [
    `tsh recordings export ${ID} --out=session.cast`,
    `tsh recordings export ${ID} --format=text | less`,
    `tsh recordings export ${ID} --format=raw --out=session.rec && tsh play session.rec`,
    `tsh recordings export ${ID} --age-identity=key.txt --format=json`,
  ])
}
