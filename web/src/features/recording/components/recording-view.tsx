import { useQuery } from '@tanstack/react-query'
import { type JSX, type RefObject, useRef } from 'react'
import { CommandLine } from '../../../components/ui/command-line.tsx'
import { Loading } from '../../../components/ui/loading.tsx'
import { formatSentence } from '../../../lib/format.ts'
import { usePageTitle } from '../../../lib/use-page-title.ts'
import { castQuery, type RecordingView as View } from '../api.ts'
import { noticeOf } from '../notice.ts'
import { shownCommand } from '../shown-command.ts'
import { Facts } from './facts.tsx'
import { Moments } from './moments.tsx'
import { Notice } from './notice.tsx'
import { Stage, type StageHandle } from './stage.tsx'
import { StateBadge } from './state-badge.tsx'

/** What was recorded: the player, what the player does not show, and whose session it was. */
export function RecordingView({ view }: { readonly view: View }): JSX.Element {
  const { recording } = view
  const { user, kube_cluster, namespace, pod, container, kind, command } = recording
  const title = `${user} in ${pod}`
  usePageTitle(title)
  const stage = useRef<StageHandle>(null)
  const notice = noticeOf(view)
  return (
    <div className="mx-auto flex w-full max-w-6xl motion-safe:animate-arrive flex-col gap-6">
      <header className="flex flex-col gap-3">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <h1 className="text-2xl font-semibold tracking-tight text-balance wrap-anywhere sm:text-3xl">
            {title}
          </h1>
          <StateBadge state={recording.state} />
        </div>
        <p className="text-base/7 text-soft wrap-anywhere">
          {kind === 'exec' ? 'A command' : 'Attached'} in {kube_cluster}, {namespace}/{pod}
          {container === '' ? '' : `, container ${container}`}
        </p>
        {command.length === 0 ? null : (
          <code className="w-fit max-w-full rounded-lg border border-line bg-sunken px-3 py-1.5 font-mono text-sm/6 wrap-anywhere text-ink">
            {shownCommand(command)}
          </code>
        )}
      </header>
      {notice === null ? null : <Notice words={notice} />}
      {recording.encrypted ? (
        <Encrypted id={recording.session_id} />
      ) : (
        <Played view={view} stage={stage} />
      )}
      <Facts view={view} />
    </div>
  )
}

function Played({
  view,
  stage,
}: {
  readonly view: View
  readonly stage: RefObject<StageHandle | null>
}): JSX.Element {
  const id = view.recording.session_id
  const cast = useQuery(castQuery(id))
  if (cast.isPending) return <Loading>Loading what was recorded…</Loading>
  if (cast.isError) return <Notice words={formatSentence(cast.error.message)} />
  return (
    <>
      {cast.data.silent ? (
        <p className="rounded-2xl border border-line bg-surface px-6 py-10 text-center text-soft">
          This session printed nothing.
        </p>
      ) : (
        <Stage ref={stage} text={cast.data.text} />
      )}
      <Moments
        moments={cast.data.moments}
        onSeek={cast.data.silent ? null : (ms) => stage.current?.seek(ms)}
      />
    </>
  )
}

const Encrypted = ({ id }: { readonly id: string }): JSX.Element => (
  <section className="flex flex-col gap-3 rounded-2xl border border-line bg-surface px-5 py-6 text-base/7 text-soft shadow-sm sm:px-8">
    <h2 className="text-lg font-semibold tracking-tight text-ink">
      Only who has the key can see this recording
    </h2>
    <p>
      It was encrypted where it was made. Neither this page nor whoever keeps it can read it. With
      the age identity it plays in a terminal:
    </p>
    <CommandLine command={`tsh play --age-identity=key.txt ${id}`} />
  </section>
)
