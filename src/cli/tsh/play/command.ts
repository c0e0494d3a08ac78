import { Command, Option } from 'commander'
import { examples } from '../../run.ts'
import type { TshContext } from '../context.ts'
import { addAgeFlag } from '../recordings/age-flag.ts'
import type { PlayFlags } from './play.ts'

/** `tsh play` */
export function playCommand(context: TshContext): Command {
  const command = new Command('play')
    .description('play the recording of a session')
    .argument(
      '<recording>',
      'its id (see tsh recordings ls), or a file: asciicast v2, or exported raw',
    )
    .addOption(
      new Option('-f, --format <format>', 'pty plays it; text, json and cast print it at once')
        .choices(['pty', 'text', 'json', 'cast'])
        .default('pty'),
    )
    .option('--speed <factor>', 'how fast to begin: 0.5, 2, 8', '1')
    .option('--skip-idle-time', 'make pauses a second long at most')
    .option('--max-idle <duration>', 'make pauses that long at most: 500ms, 3s')
  addAgeFlag(command).action(async (what: string, flags: PlayFlags) => {
    const { play } = await import('./play.ts')
    await play(context, what, flags)
  })
  examples(command, [
    'tsh play 2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11',
    'tsh play --speed=2 --skip-idle-time 2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11',
    'tsh play --format=text 2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11 | grep -n password',
    'tsh play session.cast',
  ])
  return command.addHelpText(
    'after',
    `
Keys: space pauses, left and right go 5 seconds back and forward, up and down change the speed,
"." shows one frame while paused, home and end, ? shows the keys, q quits.
What the session wrote reaches a terminal in memory, and yours is given its characters and colours alone.`,
  )
}
