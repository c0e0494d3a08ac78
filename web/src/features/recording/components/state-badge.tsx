import type { JSX } from 'react'
import type { RecordingView } from '../api.ts'

type State = RecordingView['recording']['state']

const LOOKS: Readonly<Record<State, { readonly words: string; readonly colours: string }>> = {
  complete: { words: 'Complete', colours: 'bg-tint text-accent' },
  live: { words: 'Going on', colours: 'bg-tint text-accent' },
  cut: { words: 'Cut off', colours: 'bg-warn-tint text-warn' },
  incomplete: { words: 'Incomplete', colours: 'bg-warn-tint text-warn' },
}

export const StateBadge = ({ state }: { readonly state: State }): JSX.Element => (
  <span className={`rounded-full px-3 py-0.5 text-sm/6 font-medium ${LOOKS[state].colours}`}>
    {LOOKS[state].words}
  </span>
)
