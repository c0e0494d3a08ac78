import { setFlagsFromString } from 'node:v8'

/**
 * Tells V8 two things about what a daemon does.
 *
 * Not to guess which objects will live long: under load it takes those of requests for such, since audit events wait a moment for
 * their delivery, and makes them where only a full collection finds them again, with all that they hold: then a process collects
 * for 18 ms five times a second instead of 3 ms (measured; whether it begins to guess so is luck). Known to V8 since 2014; were it
 * ever to go, Node would say so on stderr and go on.
 *
 * And to weigh the bytes of buffers with everything else before it collects everything. V8 13 does so for each 64 MB of them that
 * came, whatever has become of them, so that whoever only moves bytes has his code and tables marked 16 times for a gigabyte: a third of
 * what that costs a recorded session. V8 14.8 does it by itself, and knows no flag any more.
 */
export function tuneCollector(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  if (weighsBuffersApart(process.versions.v8))
    setFlagsFromString('--external-memory-accounted-in-global-limit')
}

function weighsBuffersApart(v8: string): boolean {
  const [major = 0, minor = 0] = v8.split('.').map(Number)
  return major < 14 || (major === 14 && minor < 8)
}
