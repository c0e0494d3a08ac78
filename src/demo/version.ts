/** What the demo cluster says it is: the API of this Kubernetes, and no Kubernetes. */
export const DEMO_VERSION = 'v1.35.0+demo'

/** `/version`. */
export const versionInfo = {
  major: '1',
  minor: '35',
  gitVersion: DEMO_VERSION,
  gitCommit: 'demo',
  gitTreeState: 'in-memory',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'teleport/demo',
} as const

export const DEMO_NODE = 'demo'
/** On what tells that it is no real cluster. */
export const DEMO_ANNOTATION = 'teleport.dev/demo'
export const DEMO_WORDS =
  'This is a demo cluster of Teleport, held in memory: nothing runs in it, and everything is gone when it stops.'

/** What a pod with a command of its own printed, kept at it by the one that ran it. */
export const OUTPUT_ANNOTATION = 'teleport.dev/demo-output'
