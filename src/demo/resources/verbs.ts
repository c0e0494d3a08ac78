/** What every stored object offers. */
export const ALL_VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
] as const

export const statusOf = (
  kind: string,
): { name: string; kind: string; verbs: readonly string[] } => ({
  name: 'status',
  kind,
  verbs: ['get', 'patch', 'update'],
})

export const scaleSubresource = {
  name: 'scale',
  kind: 'Scale',
  group: 'autoscaling',
  version: 'v1',
  verbs: ['get', 'patch', 'update'],
} as const
