import type { JSX } from 'react'
import { formatBytes, formatClock, formatInstant } from '../../../lib/format.ts'
import type { RecordingView } from '../api.ts'

/** Whose session it was, where and when, and how it ended. */
export function Facts({ view }: { readonly view: RecordingView }): JSX.Element {
  const facts = factsOf(view).filter(([, value]) => value !== '')
  return (
    <section
      aria-labelledby="facts"
      className="rounded-2xl border border-line bg-surface px-5 py-6 shadow-sm sm:px-8"
    >
      <h2 id="facts" className="text-lg font-semibold tracking-tight">
        The session
      </h2>
      <dl className="mt-4 grid gap-x-8 gap-y-4 sm:grid-cols-2 lg:grid-cols-3">
        {facts.map(([name, value]) => (
          <div key={name} className="min-w-0">
            <dt className="text-sm/6 text-soft">{name}</dt>
            <dd className="text-base/7 wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-5 border-t border-line pt-4 text-sm/6 text-soft">
        {view.viewer} looks at this until {formatInstant(view.expires)}. It is in the audit log.
      </p>
    </section>
  )
}

function factsOf({ recording }: RecordingView): readonly (readonly [string, string])[] {
  const { exit_code: code, duration_ms: duration, reason } = recording
  return [
    ['Person', recording.user],
    ['Roles', recording.roles.join(', ')],
    ['Cluster', recording.kube_cluster],
    ['Pod', `${recording.namespace}/${recording.pod}`],
    ['Container', recording.container],
    ['Image', recording.image],
    ['Node', recording.node],
    ['Began', formatInstant(recording.started)],
    ['Took', duration === null ? '' : formatClock(duration)],
    ['Ended', code === null ? (reason ?? '') : `with exit code ${code}`],
    ['Terminal', recording.tty ? 'yes' : 'no: stdout and stderr are told apart'],
    ['Size', formatBytes(recording.size)],
    ['Id', recording.session_id],
  ]
}
